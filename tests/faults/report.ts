import type { Findings } from './audit.ts';
import type { Journal } from './journal.ts';
import type { Ledger } from './ledger.ts';

/** How many cases are shown of each finding. */
const EXAMPLES = 5;

/** Numbers of the run. */
export interface Work {
	seed: number;
	seconds: number;
	ledger: Ledger;
	journals: readonly Journal[];
	faults: ReadonlyMap<string, number>;
	/** Results of the faults. */
	deeds: ReadonlyMap<string, number>;
	/** Application processes started, and how many of these starts failed because the database was away. */
	starts: number;
	startsFailed: number;
}

/** Returns the result as text: a table of the work, a table of the findings, and examples. */
export function report(work: Work, findings: Findings): string {
	const { ledger, journals, faults, deeds } = work;
	const sum = (count: (journal: Journal) => number) =>
		journals.reduce((total, journal) => total + count(journal), 0);
	return [
		...table(`done (seed ${work.seed}, ${work.seconds} s)`, [
			['events tried', ledger.facts.size],
			['acknowledged', ledger.count('acknowledged')],
			['refused or rolled back', ledger.count('refused')],
			['cut off, outcome unknown', ledger.count('unknown')],
			['readers', journals.length],
			['connections', sum((journal) => journal.connections)],
			['subscriptions', sum((journal) => journal.tracks.length)],
			['seen by handlers', sum((journal) => journal.delivered)],
			['gaps told', sum((journal) => journal.gaps)],
			['application starts', work.starts],
			['of these, database away', work.startsFailed]
		]),
		...table('faults', [...faults].sort()),
		...table('what came of them', [...deeds].sort()),
		...found(findings)
	].join('\n');
}

/** Returns the findings as lines: a table, and examples. */
export function found(findings: Findings): string[] {
	const all = Object.entries(findings);
	const lines = table(
		'found',
		all.map(([finding, cases]) => [finding, cases.length])
	);
	for (const [finding, cases] of all) {
		for (const text of cases.slice(0, EXAMPLES)) lines.push(`${finding}: ${text}`);
		if (cases.length > EXAMPLES) lines.push(`${finding}: … ${cases.length - EXAMPLES} more`);
	}
	return lines;
}

export const isClean = (findings: Findings): boolean =>
	Object.values(findings).every((cases) => cases.length === 0);

/** Returns a table as lines. */
export function table(
	title: string,
	rows: readonly (readonly [name: string, count: number])[]
): string[] {
	const width = Math.max(title.length, ...rows.map(([name]) => name.length));
	return [
		'',
		title,
		'-'.repeat(width + 10),
		...rows.map(([name, count]) => name.padEnd(width) + String(count).padStart(10))
	];
}
