import { mkdir, writeFile } from 'node:fs/promises';
import type { Row } from '../stage/measure.ts';
import type { Conditions } from './conditions.ts';
import { toPicture } from './picture.ts';
import { toTable } from './table.ts';

export interface Report {
	conditions: Conditions & {
		version: string;
		fsync: string;
		synchronousCommit: string;
		rounds: number;
		quick: boolean;
	};
	rows: Row[];
	/** True when every measure was run: only then are the published files written. */
	complete: boolean;
}

/**
 * Prints the table and writes the results to `.data/`. After a complete, full run it writes the published files instead:
 * `bench/results.json`, `docs/benchmark.md` and its picture.
 */
export async function writeReport(report: Report): Promise<void> {
	const table = toTable(report);
	console.log(`\n${table}`);
	const results = `${JSON.stringify({ conditions: report.conditions, rows: report.rows }, rounded, '\t')}\n`;
	if (!report.complete || report.conditions.quick) {
		await mkdir('.data', { recursive: true });
		await writeFile('.data/bench.json', results);
		console.log('\nThe figures are in .data/bench.json; docs/benchmark.md shows full runs only.');
		return;
	}
	await writeFile('bench/results.json', results);
	await writeFile('docs/benchmark.svg', toPicture(report));
	await writeFile('docs/benchmark.md', toPage(table));
	console.log('\nWritten: bench/results.json, docs/benchmark.md, docs/benchmark.svg');
}

function toPage(table: string): string {
	return `# Benchmark

Written by \`npm run bench\`; [results.json](../bench/results.json) has the same figures. Ratios are ours to theirs, taken in
the same run: figures of other machines cannot be compared, ratios nearly so. What the targets mean, what was tried and what
limits the rows that miss theirs: [decisions/013](decisions/013-speed.md).

![The figures as bars](benchmark.svg)

${table}
`;
}

/** Four digits: the figures are not more precise. */
function rounded(_key: string, value: unknown): unknown {
	return typeof value === 'number' && Number.isFinite(value) ? Number(value.toPrecision(4)) : value;
}
