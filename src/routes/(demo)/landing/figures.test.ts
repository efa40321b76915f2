import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { CONDITIONS, FIGURES } from './figures.ts';

it('the figures of the start page are those of the newest benchmark', async () => {
	const page = await readFile('docs/benchmark.md', 'utf8');
	for (const { measure, figure, unit, text } of FIGURES) {
		const row = page.split('\n').find((line) => line.startsWith(`| ${measure}, ${unit} |`));
		expect(row, `${measure}: see figures.ts beside this test`).toContain(`| ${figure} (`);
		const [, times] = /([\d.]+) times what INSERT and NOTIFY/.exec(text) ?? [];
		if (times) expect(row).toMatch(new RegExp(`INSERT \\+ NOTIFY: [^→]*→ \\*\\*${times} ×`));
	}
	const [, cpu, version, rounds] =
		/Two cores \((.*?)\).*PostgreSQL (\S+) with fsync on; median of (\d+) rounds/.exec(CONDITIONS)!;
	for (const fact of [
		'2 cores',
		cpu!,
		`PostgreSQL ${version!} (fsync on`,
		`median of ${rounds!} `
	]) {
		expect(page).toContain(fact);
	}
});
