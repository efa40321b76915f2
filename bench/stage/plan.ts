import type { Sql } from '../../src/app/driver-client.ts';
import type { Queryable } from '../../src/lib/server/index.ts';
import { queryable } from '../../tests/support/queryable.ts';

/** A node of a plan, as EXPLAIN prints it. */
interface Plan {
	'Node Type': string;
	'Parent Relationship'?: string;
	'Relation Name'?: string;
	'Index Name'?: string;
	'Actual Rows': number;
	'Actual Loops': number;
	'Rows Removed by Filter'?: number;
	Plans?: Plan[];
}

/**
 * Runs the first statement of `read` as a generic plan and as one for its parameters.
 *
 * @throws Error when a plan reads rows of `events` in another way than by ranges of the replay index, or sorts them
 */
export async function requireIndexRanges(
	sql: Sql,
	read: (on: Queryable) => Promise<unknown>
): Promise<void> {
	const asked: { text: string; parameters: readonly unknown[] }[] = [];
	await read({
		query: (text, parameters) => {
			asked.push({ text, parameters });
			return queryable(sql).query(text, parameters);
		}
	});
	const { text, parameters } = asked[0]!;
	const values = parameters.map((value) =>
		value === null ? 'null' : `'${String(value).replaceAll("'", "''")}'`
	);
	await sql.unsafe(`prepare measured as ${text}`);
	for (const mode of ['force_custom_plan', 'force_generic_plan']) {
		await sql.unsafe(`set plan_cache_mode = ${mode}`);
		const [row] = await sql.unsafe<{ 'QUERY PLAN': [{ Plan: Plan }] }[]>(
			`explain (analyze, timing off, format json) execute measured(${values.join(', ')})`
		);
		check(row!['QUERY PLAN'][0].Plan, mode);
	}
	await sql.unsafe('deallocate measured');
}

function check(plan: Plan, mode: string): void {
	const type = plan['Node Type'];
	const fail = (what: string) => {
		throw new Error(`${what}, with ${mode}:\n${JSON.stringify(plan, null, 1).slice(0, 2000)}`);
	};
	// A scan that finds nothing may have any form: those of empty partitions do.
	if (
		plan['Relation Name']?.startsWith('events') &&
		plan['Actual Rows'] * plan['Actual Loops'] > 0
	) {
		if (!type.startsWith('Index') || !/coalesce_topic_id_idx$/.test(plan['Index Name'] ?? '')) {
			fail('It reads events without the replay index');
		}
		if (plan['Rows Removed by Filter']) fail('It reads events and discards them');
	}
	if (type.includes('Sort') && sortsEvents(plan)) fail('It sorts events');
	for (const child of plan.Plans ?? []) check(child, mode);
}

/** The few rows that an earlier step has found may be sorted: they come from another branch of the plan. */
const sortsEvents = (plan: Plan): boolean =>
	plan['Relation Name']?.startsWith('events') === true ||
	(plan.Plans ?? []).some(
		(child) => child['Parent Relationship'] !== 'InitPlan' && sortsEvents(child)
	);
