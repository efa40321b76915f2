/** Rows are held where they were, in a page of nothing else. */
import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import ts from 'typescript';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { HeldPlace } from '../../src/ui/held-place.ts';
import { openBrowser } from '../support/browser.ts';

declare global {
	/** In the page. */
	var place: HeldPlace;
	/** Draws rows of 20 pixels by their names, and keeps those that are there already. */
	var draw: (id: string, names: readonly number[]) => void;
	var part: (id: string) => HTMLElement;
	var topOf: (name: number) => number;
	var drawn: () => Promise<void>;
}

const PAGE = `<!doctype html>
	<style>body { margin: 0 } li { height: 20px } ul { list-style: none; margin: 0; padding: 0 }</style>
	<div id="viewport" style="height: 200px; overflow-y: auto; overflow-anchor: none"><ul id="a"></ul></div>
	<script>
		const part = (id) => document.getElementById(id);
		const rowOf = (name) => document.querySelector('[data-name="' + name + '"]');
		const newRow = (name) => Object.assign(document.createElement('li'), { textContent: name });
		const topOf = (name) => rowOf(name).getBoundingClientRect().top;
		const draw = (id, names) => {
			const rows = names.map((name) => rowOf(name) ?? newRow(name));
			rows.forEach((row, i) => (row.dataset.name = names[i]));
			part(id).replaceChildren(...rows);
		};
		const drawn = () => new Promise((resolve) => requestAnimationFrame(() => resolve()));
		Object.assign(globalThis, { part, topOf, draw, drawn });
	</script>`;

let browser: Browser;
let page: Page;
beforeAll(async () => {
	browser = await openBrowser();
});
beforeEach(async () => {
	await page?.close();
	page = await browser.newPage();
	await page.setContent(PAGE);
	const source = await readFile('src/ui/held-place.ts', 'utf8');
	const { outputText } = ts.transpileModule(source, {
		compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext }
	});
	await page.addScriptTag({
		type: 'module',
		content: `${outputText}\nglobalThis.place = new HeldPlace();`
	});
	await page.waitForFunction(() => 'place' in globalThis);
});
afterAll(() => browser.close());

it('holds the other rows in view when the first ones are removed', async () => {
	const moved = await page.evaluate(() => {
		const rows = Array.from({ length: 40 }, (_, i) => i);
		const viewport = part('viewport');
		draw('a', rows);
		viewport.scrollTop = 300;
		const before = topOf(20);
		place.note(viewport, part('a'));
		draw('a', [...rows.slice(0, 12), 100, ...rows.slice(20)]);
		place.restore();
		return topOf(20) - before;
	});
	expect(moved).toBe(0);
});

it('slides only as far as there are rows: the end of the list shows no empty strip', async () => {
	const { held, end } = await page.evaluate(() => {
		const rows = Array.from({ length: 15 }, (_, i) => i);
		const viewport = part('viewport');
		draw('a', rows);
		place.note(viewport, part('a'));
		// As many rows as before: a list that draws only what is near draws no more of them.
		draw('a', [100, 101, 102, 103, 104, 105, 106, 107, ...rows.slice(0, 7)]);
		place.slide(part('a'));
		return { held: topOf(0), end: part('a').getBoundingClientRect().bottom };
	});
	expect(held).toBe(60);
	expect(end).toBe(200);
});

it('holds the rows of a list that is shorter than its window, and lets them slide', async () => {
	const { held, then } = await page.evaluate(async () => {
		const viewport = part('viewport');
		draw('a', [1, 2]);
		place.note(viewport, part('a'));
		draw('a', [3, 4, 5, 1, 2]);
		place.slide(part('a'));
		const held = topOf(1);
		while (part('a').style.transform !== '') await drawn();
		return { held, then: topOf(1) };
	});
	expect(held).toBe(0);
	expect(then).toBe(60);
});

it.each(['ended', 'not ended'])(
	'a list that comes after another is moved, and not the other: %s',
	async (how) => {
		const { held, then, old } = await page.evaluate(async (how) => {
			const viewport = part('viewport');
			draw('a', [1, 2]);
			place.note(viewport, part('a'));
			draw('a', [3, 4, 5, 1, 2]);
			place.slide(part('a'));
			if (how === 'ended') place.end();
			const old = part('a');
			old.remove();
			viewport.innerHTML = '<ul id="b"></ul>';
			draw('b', [11, 12]);
			place.note(viewport, part('b'));
			draw('b', [13, 11, 12]);
			place.slide(part('b'));
			const held = topOf(11);
			for (let n = 0; n < 60 && part('b').style.transform !== ''; n++) await drawn();
			return { held, then: topOf(11), old: old.style.transform };
		}, how);
		expect(held).toBe(0);
		expect(then).toBe(20);
		expect(old).toBe('');
	}
);
