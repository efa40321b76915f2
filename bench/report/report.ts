import { writeFile } from 'node:fs/promises';
import type { Row } from '../stage/measure.ts';
import type { Conditions } from './conditions.ts';
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
	/** Every measure was run: only then are the files written that others read. */
	complete: boolean;
}

/** Prints the table; writes `bench/results.json`, and the picture when everything was measured in full. */
export async function writeReport(report: Report): Promise<void> {
	console.log(`\n${toTable(report)}`);
	await writeFile(
		'bench/results.json',
		`${JSON.stringify({ conditions: report.conditions, rows: report.rows }, rounded, '\t')}\n`
	);
}

/** Four digits are more than any of the figures deserves. */
function rounded(_key: string, value: unknown): unknown {
	return typeof value === 'number' && Number.isFinite(value) ? Number(value.toPrecision(4)) : value;
}
