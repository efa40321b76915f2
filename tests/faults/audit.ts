import type { Sql } from '../../src/app/driver-client.ts';
import { readArchive, type Row } from './archive.ts';
import { auditReader } from './audit-reader.ts';
import type { Journal } from './journal.ts';
import type { Ledger } from './ledger.ts';

/** What must never happen, each with the cases found. */
const FINDINGS = [
	'lost',
	'lost without a word',
	'doubled',
	'out of order',
	'not entitled',
	'seen after the session',
	'acknowledged, not in the log',
	'phantom',
	'written twice',
	'id given twice',
	'torn',
	'not set aside',
	'wrong answer',
	'cursor moved back',
	'false alarm',
	'not disconnected',
	'process failed',
	'did not settle'
] as const;
export type Finding = (typeof FINDINGS)[number];

export type Findings = Record<Finding, string[]>;

export function noFindings(): Findings {
	return Object.fromEntries(FINDINGS.map((finding) => [finding, [] as string[]])) as Findings;
}

/** Ids that were skipped when the log moved. Events that had these ids before may be lost. */
export interface Hole {
	after: number;
	upto: number;
}

/** The log in the database at the end, with every event that was ever in it. */
export interface Log {
	/** In id order. */
	rows: Row[];
	byId: Map<number, Row>;
	/** Rows of the business table. */
	business: Set<string>;
	/** Tag → how many times it was set aside. */
	setAside: Map<string, number>;
	/** Topic and audience ('': everyone) → horizon. */
	horizons: Map<string, number>;
	holes: Hole[];
	/** Tags of events that may have been lost in the outbox. */
	lostFromOutbox: ReadonlySet<string>;
}

/** What earlier primaries had and a promoted replica did not. */
export interface Lost {
	readonly lost: readonly Row[];
	readonly lostFromOutbox: ReadonlySet<string>;
}

export async function readLog(sql: Sql, { lost, lostFromOutbox }: Lost): Promise<Log> {
	const kept = await readArchive(sql);
	const here = new Set(kept.map(({ id, tag }) => `${id} ${tag}`));
	const rows = [...kept, ...lost.filter(({ id, tag }) => !here.has(`${id} ${tag}`))];
	rows.sort((a, b) => a.id - b.id);
	const business = await sql<{ tag: string }[]>`select tag from checker_business`;
	const setAside = await sql<{ tag: string; count: number }[]>`
		select data ->> 'tag' as tag, count(*)::int as count from dead_letters group by 1`;
	const horizons = await sql<{ topic: string; audience: string; horizon: number }[]>`
		select topic, audience, horizon::float8 as horizon from topic_horizons`;
	const holes = await sql<Hole[]>`
		select after::float8 as after, upto::float8 as upto from log_holes`;
	return {
		rows,
		byId: new Map(rows.map((row) => [row.id, row])),
		business: new Set(business.map(({ tag }) => tag)),
		setAside: new Map(setAside.map(({ tag, count }) => [tag, count])),
		horizons: new Map(horizons.map((h) => [`${h.topic} ${h.audience}`, h.horizon])),
		holes: [...holes],
		lostFromOutbox
	};
}

/** Compares the log with what its writers were told, and with what its readers received. */
export function audit(
	log: Log,
	ledger: Ledger,
	journals: readonly Journal[],
	findings: Findings
): void {
	auditWriters(log, ledger, findings);
	for (const journal of journals) auditReader(log, journal, findings);
}

function auditWriters(log: Log, ledger: Ledger, findings: Findings): void {
	const byTag = new Map<string, Row>();
	const lost = new Map<string, Row>();
	let before: Row | undefined;
	for (const row of log.rows) {
		if (row.id === before?.id)
			findings['id given twice'].push(`${row.id}: ${before.tag}, ${row.tag}`);
		before = row;
		const fact = ledger.facts.get(row.tag);
		if (!fact || fact.outcome === 'refused' || fact.poison) {
			findings.phantom.push(
				`${row.tag} (${row.id}) was ${fact ? (fact.poison ? 'not to be moved' : 'refused') : 'never written'}`
			);
		} else if (fact.topic !== row.topic || fact.userId !== row.userId) {
			findings.phantom.push(`${row.tag} (${row.id}) has another topic or user`);
		}
		if (row.gone?.how === 'failover') {
			lost.set(row.tag, row);
			continue;
		}
		if (byTag.has(row.tag)) findings['written twice'].push(`${row.tag} (${row.id})`);
		byTag.set(row.tag, row);
	}
	for (const fact of ledger.facts.values()) {
		const row = byTag.get(fact.tag);
		if (fact.poison) {
			const count = log.setAside.get(fact.tag) ?? 0;
			if (count > 1 || (count === 0 && fact.outcome === 'acknowledged')) {
				findings['not set aside'].push(`${fact.tag} is in dead_letters ${count} times`);
			}
			continue;
		}
		// An event lost by a failover was in the log when its writer got the acknowledgement.
		const was = lost.get(fact.tag);
		const holds = (id: number) => id === row?.id || id === was?.id;
		const isThere = (row ?? was) !== undefined || log.lostFromOutbox.has(fact.tag);
		if (fact.outcome === 'acknowledged' && !(isThere && fact.ids.every(holds))) {
			findings['acknowledged, not in the log'].push(
				`${fact.tag} (answered ${fact.ids.join(', ')}, is ${row?.id ?? 'not there'})`
			);
		}
		if (fact.ids.length > 1 && !was) {
			findings['acknowledged, not in the log'].push(
				`${fact.tag} was answered ${fact.ids.join(', ')}`
			);
		}
		if (fact.business && log.business.has(fact.tag) !== (row !== undefined)) {
			findings.torn.push(
				`${fact.tag}: ${row ? 'an event without its row' : 'a row without its event'}`
			);
		}
	}
	for (const tag of log.setAside.keys()) {
		if (!ledger.facts.get(tag)?.poison)
			findings['not set aside'].push(`${tag} was, without reason`);
	}
	findings['wrong answer'].push(...ledger.wrongAnswers);
}
