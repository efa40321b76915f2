import { expect } from 'vitest';
import type { Sql } from '../../src/app/driver-client.ts';
import type { Queryable } from '../../src/lib/server/index.ts';
import { queryable } from '../support/queryable.ts';

/** A node of a plan that Postgres has run, as EXPLAIN prints it. */
export interface Plan {
	'Node Type': string;
	'Relation Name'?: string;
	'Index Name'?: string;
	'Actual Rows': number;
	'Actual Loops': number;
	'Rows Removed by Filter'?: number;
	'Shared Hit Blocks': number;
	'Shared Read Blocks': number;
	Plans?: Plan[];
}

/** A statement with its parameters. */
export interface Statement {
	text: string;
	parameters: (string | number | null)[];
}

/** Passes statements on and notes them in `asked`. */
export function noting(on: Queryable, asked: Statement[]): Queryable {
	return {
		query: (text, parameters) => {
			asked.push({ text, parameters });
			return on.query(text, parameters);
		}
	};
}

/** SQL: the parameters as the arguments of EXECUTE. */
export const argumentsOf = ({ parameters }: Statement): string =>
	parameters
		.map((value) => (value === null ? 'null' : `'${String(value).replaceAll("'", "''")}'`))
		.join(', ');

/**
 * Runs the first statement of `read` until Postgres uses its final plan.
 *
 * @returns that plan, and the median time of nine runs in milliseconds
 */
export async function planOf(
	sql: Sql,
	read: (on: Queryable) => Promise<unknown>
): Promise<{ plan: Plan; ms: number }> {
	const asked: Statement[] = [];
	await read(noting(queryable(sql), asked));
	const values = argumentsOf(asked[0]!);
	await sql.unsafe(`prepare measured as ${asked[0]!.text}`);
	try {
		for (let i = 0; i < 7; i++) await sql.unsafe(`execute measured(${values})`);
		const runs: { Plan: Plan; 'Execution Time': number }[] = [];
		for (let i = 0; i < 9; i++) {
			const [row] = await sql.unsafe<{ 'QUERY PLAN': [(typeof runs)[0]] }[]>(
				`explain (analyze, buffers, timing off, format json) execute measured(${values})`
			);
			runs.push(row!['QUERY PLAN'][0]);
		}
		runs.sort((a, b) => a['Execution Time'] - b['Execution Time']);
		return { plan: runs[4]!.Plan, ms: runs[4]!['Execution Time'] };
	} finally {
		await sql.unsafe('deallocate measured');
	}
}

export const nodes = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodes)];
export const buffers = (plan: Plan): number =>
	plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
export const rowsOf = (node: Plan): number => node['Actual Rows'] * node['Actual Loops'];

/** Returns the scans of tables. Scans that find nothing are left out: those of empty partitions may have any form. */
export const scans = (plan: Plan): Plan[] =>
	nodes(plan).filter((node) => node['Relation Name'] !== undefined && rowsOf(node) > 0);

/** Returns the number of rows read from tables. */
export const read = (plan: Plan): number =>
	Math.round(scans(plan).reduce((sum, node) => sum + rowsOf(node), 0));

/** Expects that all rows came from the replay index and none was discarded. */
export function expectNoWaste(plan: Plan): void {
	for (const node of nodes(plan)) {
		if (node['Relation Name']) expect(node['Rows Removed by Filter'] ?? 0).toBe(0);
	}
	for (const scan of scans(plan)) expect(scan['Index Name']).toMatch(/coalesce_topic_id_idx$/);
}

/**
 * Expects that a page reads only the rows it sends, in the order in which it sends them, plus one row per range and
 * partition: a merge must know the next row of each range.
 *
 * @param ranges topics times audiences
 */
export function expectNoMoreThanSent(plan: Plan, ranges: number): void {
	expectNoWaste(plan);
	for (const node of nodes(plan)) {
		expect(node['Rows Removed by Filter'] ?? 0).toBe(0);
		expect(node['Node Type']).not.toContain('Sort');
	}
	expect(read(plan)).toBeLessThanOrEqual(plan['Actual Rows'] + 2 * ranges);
	// At most one table page per row. Finding the start of a range reads as many pages as the index has levels.
	expect(buffers(plan)).toBeLessThan(1.25 * read(plan) + 10 * ranges);
}

/**
 * Expects that a page of many topics reads four rows of each range at most, and a few pages more: in each step a page or two,
 * whatever the number of topics and of events.
 *
 * @param ranges topics times audiences
 */
export function expectFewPages(plan: Plan, ranges: number, limit: number): void {
	expectNoWaste(plan);
	// Plus one row per range and partition, as above.
	expect(read(plan)).toBeLessThanOrEqual(Math.max(limit, 4 * ranges) + 2 * ranges + 5 * limit);
	expect(buffers(plan)).toBeLessThan(1.25 * read(plan) + 10 * ranges);
}

/** Prints a measured plan. */
export function tell(what: string, plan: Plan, ms: number): void {
	const kinds = [...new Set(nodes(plan).map((node) => node['Node Type']))].join(', ');
	console.log(
		`${what}: ${plan['Actual Rows']} rows of ${read(plan)} read, ${buffers(plan)} buffers, ${ms.toFixed(2)} ms (${kinds})`
	);
}
