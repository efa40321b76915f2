/** The targets that the pages refer to must exist. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { anchorsOf, linksOf, readPages, rowsOf } from '../support/markdown.ts';

const pages = await readPages();
const page = (path: string) => pages.find((candidate) => candidate.path === path)!;

test('every relative link leads to a file, and to a heading if it names one', () => {
	const broken: string[] = [];
	for (const from of pages) {
		for (const { target } of linksOf(from)) {
			if (/^[a-z]+:/.test(target)) continue;
			const [file = '', anchor] = target.split('#');
			const path = file ? join(dirname(from.path), file) : from.path;
			if (!existsSync(path)) broken.push(`${from.path}: ${target}`);
			else if (anchor && !anchorsOf(page(path)).has(anchor)) {
				broken.push(`${from.path}: ${target} (no such heading)`);
			}
		}
	}
	expect(broken).toEqual([]);
});

test('a link to a file of tests is called like a test in it', async () => {
	const missing: string[] = [];
	let named = 0;
	for (const from of pages) {
		for (const { label, target } of linksOf(from)) {
			const path = join(dirname(from.path), target);
			if (!target.endsWith('.test.ts') || !existsSync(path)) continue;
			// This link means the whole file.
			if (target.endsWith('docs/add-a-topic.test.ts')) continue;
			named++;
			const names = await namesOfTests(path);
			if (!names.has(label)) missing.push(`${from.path}: "${label}" in ${target}`);
		}
	}
	expect(missing).toEqual([]);
	expect(named).toBeGreaterThan(20);
});

test('files, commands and tests that are named in the text exist', async () => {
	const { scripts } = JSON.parse(await readFile('package.json', 'utf8')) as {
		scripts: Record<string, string>;
	};
	const missing: string[] = [];
	for (const { path, prose, text } of pages) {
		for (const [, name = ''] of prose.matchAll(
			/`((?:src|tests|docs|drizzle|migrations|bench)\/[\w./+()-]*)`/g
		)) {
			if (!existsSync(name)) missing.push(`${path}: ${name}`);
		}
		for (const [, name = ''] of text.matchAll(/npm run ([\w:-]+)(?![\w:*-])/g)) {
			if (!name.endsWith(':') && !(name in scripts)) missing.push(`${path}: npm run ${name}`);
		}
	}
	expect(missing).toEqual([]);
});

test('every error code and control event of the protocol page is one of the code', async () => {
	const sources = await readSources('src');
	const codes = rowsOf(page('docs/protocol.md'))
		.filter(([status = '']) => /^\d{3}$/.test(status) || /^`[a-z-]+`$/.test(status))
		.flatMap(([first = '', second = '']) => [
			...(/^\d/.test(first) ? second : first).matchAll(/`([\w-]+)`/g)
		])
		.map(([, code = '']) => code)
		.filter((code) => !['topics', 'client', 'log'].includes(code));
	expect(codes.length).toBeGreaterThan(15);
	expect(codes.filter((code) => !sources.includes(`'${code}'`) && !PARAMETERS.has(code))).toEqual(
		[]
	);
});

/** Request parameters are in a table with the same form. */
const PARAMETERS = new Set(['lastEventID']);

async function namesOfTests(path: string): Promise<Set<string>> {
	const text = await readFile(path, 'utf8');
	const calls = text.matchAll(
		/\b(?:it|test|describe)(?:\.\w+)*(?:\([^()]*\))?\(\s*(?:'((?:[^'\\]|\\.)*)'|"([^"]*)"|`([^`]*)`)/g
	);
	return new Set([...calls].map(([, a, b, c]) => (a ?? b ?? c ?? '').replace(/\\(.)/g, '$1')));
}

async function readSources(folder: string): Promise<string> {
	const names = await readdir(folder, { recursive: true });
	const sources = names.filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
	return (await Promise.all(sources.map((name) => readFile(join(folder, name), 'utf8')))).join('');
}
