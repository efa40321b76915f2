import { FINDINGS } from '../audit.ts';
import type { Ledger } from '../ledger.ts';
import { table } from '../report.ts';
import { ROOM_FINDINGS, type RoomFindings } from './findings.ts';
import type { RoomJournal } from './journal.ts';
import type { Probe } from './prober.ts';

/** How many cases are shown of each finding. */
const EXAMPLES = 5;

/** Numbers of the run. */
export interface RoomWork {
	seed: number;
	seconds: number;
	ledger: Ledger;
	journals: readonly RoomJournal[];
	probes: readonly Probe[];
	faults: ReadonlyMap<string, number>;
	deeds: ReadonlyMap<string, number>;
}

const ALL = [...FINDINGS, ...ROOM_FINDINGS];

/** Returns the result as text: tables of the work and of the findings, and examples. */
export function report(work: RoomWork, findings: RoomFindings): string {
	const { ledger, journals } = work;
	const count = (kind: Parameters<RoomJournal['count']>[0]) =>
		journals.reduce((total, journal) => total + journal.count(kind), 0);
	const lines = [
		...table(`done (seed ${work.seed}, ${work.seconds} s)`, [
			['events tried', ledger.facts.size],
			['acknowledged', ledger.count('acknowledged')],
			['refused or rolled back', ledger.count('refused')],
			['cut off, outcome unknown', ledger.count('unknown')],
			['probes after a revoke', work.probes.length],
			['clients', journals.length],
			['connections', count('connects')],
			['events received', count('event')],
			['denied', count('denied')],
			['subscribed', count('subscribed')],
			['gaps told', count('gap')]
		]),
		...table('grants, and what came of the faults', [...work.deeds].sort()),
		...table('faults', [...work.faults].sort()),
		...table(
			'found',
			ALL.map((finding) => [finding, findings[finding].length])
		)
	];
	for (const finding of ALL) {
		const cases = findings[finding];
		for (const text of cases.slice(0, EXAMPLES)) lines.push(`${finding}: ${text}`);
		if (cases.length > EXAMPLES) lines.push(`${finding}: … ${cases.length - EXAMPLES} more`);
	}
	return lines.join('\n');
}

export const isClean = (findings: RoomFindings): boolean =>
	ALL.every((finding) => findings[finding].length === 0);
