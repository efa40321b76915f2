import type { Ledger } from '../ledger.ts';
import { found, table } from '../report.ts';
import type { RoomFindings } from './findings.ts';
import type { RoomJournal } from './journal.ts';
import type { Probe } from './prober.ts';

/** Numbers of the run. */
export interface RoomWork {
	seed: number;
	seconds: number;
	ledger: Ledger;
	journals: readonly RoomJournal[];
	probes: readonly Probe[];
	gains: readonly Probe[];
	faults: ReadonlyMap<string, number>;
	deeds: ReadonlyMap<string, number>;
}

/** Returns the result as text: tables of the work and of the findings, and examples. */
export function report(work: RoomWork, findings: RoomFindings): string {
	const { ledger, journals } = work;
	const count = (kind: Parameters<RoomJournal['count']>[0]) =>
		journals.reduce((total, journal) => total + journal.count(kind), 0);
	return [
		...table(`done (seed ${work.seed}, ${work.seconds} s)`, [
			['events tried', ledger.facts.size],
			['acknowledged', ledger.count('acknowledged')],
			['refused or rolled back', ledger.count('refused')],
			['cut off, outcome unknown', ledger.count('unknown')],
			['probes after a revoke', work.probes.length],
			['probes after a grant', work.gains.length],
			['clients', journals.length],
			['connections', count('connects')],
			['events received', count('event')],
			['denied', count('denied')],
			['subscribed', count('subscribed')],
			['gaps told', count('gap')]
		]),
		...table('grants, and what came of the faults', [...work.deeds].sort()),
		...table('faults', [...work.faults].sort()),
		...found(findings)
	].join('\n');
}
