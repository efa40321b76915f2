import type { Sql } from '../../src/lib/server/database/client.ts';
import type { Journal, Track } from './journal.ts';
import type { Ledger } from './ledger.ts';

/** What must not be; each with the cases that were found. */
export const FINDINGS = [
	'lost',
	'doubled',
	'out of order',
	'not entitled',
	'acknowledged, not in the log',
	'phantom',
	'written twice',
	'torn',
	'cursor moved back',
	'false alarm',
	'process failed',
	'did not settle'
] as const;
export type Finding = (typeof FINDINGS)[number];

export type Findings = Record<Finding, string[]>;

export function noFindings(): Findings {
	return Object.fromEntries(FINDINGS.map((finding) => [finding, [] as string[]])) as Findings;
}

interface Row {
	id: number;
	topic: string;
	userId: string | null;
	tag: string;
}

/** The log as it stands in the table. */
export interface Log {
	rows: Row[];
	byId: Map<number, Row>;
	/** Rows of the business table. */
	business: Set<string>;
}

export async function readLog(sql: Sql): Promise<Log> {
	const rows = await sql<Row[]>`
		select id::int, topic, user_id::text as "userId", data ->> 'tag' as tag
		from events where topic not like '$%' order by events.id`;
	const business = await sql<{ tag: string }[]>`select tag from checker_business`;
	return {
		rows: [...rows],
		byId: new Map(rows.map((row) => [row.id, row])),
		business: new Set(business.map(({ tag }) => tag))
	};
}

/** Holds the log against what its writers were told. */
export function auditWriters(log: Log, ledger: Ledger, findings: Findings): void {
	const byTag = new Map<string, Row>();
	for (const row of log.rows) {
		if (byTag.has(row.tag)) findings['written twice'].push(`${row.tag} (${row.id})`);
		byTag.set(row.tag, row);
		const fact = ledger.facts.get(row.tag);
		if (!fact || fact.outcome === 'refused') {
			findings.phantom.push(`${row.tag} (${row.id}) was ${fact ? 'refused' : 'never written'}`);
		} else if (fact.topic !== row.topic || fact.userId !== row.userId) {
			findings.phantom.push(`${row.tag} (${row.id}) has another topic or user`);
		}
	}
	for (const fact of ledger.facts.values()) {
		const row = byTag.get(fact.tag);
		if (fact.outcome === 'acknowledged' && (!row || (fact.id !== null && fact.id !== row.id))) {
			findings['acknowledged, not in the log'].push(
				`${fact.tag} (answered ${fact.id}, is ${row?.id ?? 'not there'})`
			);
		}
		if (fact.business && log.business.has(fact.tag) !== (row !== undefined)) {
			findings.torn.push(
				`${fact.tag}: ${row ? 'an event without its row' : 'a row without its event'}`
			);
		}
	}
	findings['acknowledged, not in the log'].push(...ledger.contradictions);
}

/** Holds the log against what a reader's handlers saw. */
export function auditReader(log: Log, journal: Journal, findings: Findings): void {
	for (const track of journal.tracks) auditTrack(log, journal, track, findings);
	const named = (texts: string[]) => texts.map((text) => `${journal.name}: ${text}`);
	findings['out of order'].push(...named(journal.disorder));
	findings['cursor moved back'].push(...named(journal.cursorsMovedBack));
	findings['false alarm'].push(...named(journal.falseAlarms));
}

function auditTrack(log: Log, journal: Journal, track: Track, findings: Findings): void {
	const describe = (id: number) => `${journal.name}: ${track.topic} ${id}`;
	const seen = new Set<number>();
	let last = 0;
	track.ids.forEach((id, i) => {
		if (seen.has(id)) findings.doubled.push(describe(id));
		else if (id <= last) findings['out of order'].push(describe(id));
		seen.add(id);
		last = Math.max(last, id);
		const row = log.byId.get(id);
		if (!row || row.tag !== track.tags[i] || row.topic !== track.topic) {
			findings.phantom.push(`${describe(id)} was seen and is not in the log like that`);
		} else if (row.userId !== null && row.userId !== journal.userId) {
			findings['not entitled'].push(describe(id));
		}
	});
	// A subscription that ended is owed what came before the last that it saw: nothing may be missing in between.
	const end = track.open ? Infinity : last;
	for (const row of log.rows) {
		if (row.id > end) break;
		if (row.topic !== track.topic || row.id <= track.start || seen.has(row.id)) continue;
		if (row.userId === null || row.userId === journal.userId) findings.lost.push(describe(row.id));
	}
}
