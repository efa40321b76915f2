import type { Sql } from '../../../src/app/driver-client.ts';
import { readArchive, type Row } from '../archive.ts';
import type { RoomFindings } from './findings.ts';
import type { Heads } from './heads.ts';
import type { Probe } from './prober.ts';
import { Visibility } from './visibility.ts';

/** Everything that was ever in the log, and who could see it. */
export interface RoomLog {
	/** Events of each topic in id order, with the deleted ones. */
	byTopic: ReadonlyMap<string, readonly Row[]>;
	byId: ReadonlyMap<number, Row>;
	visibility: Visibility;
	heads: Heads;
	/** Newest id. */
	head: number;
	/** Positions of subscriptions: `user client name n` → id of `$subscribed`. */
	subscribed: ReadonlyMap<string, number>;
	/** Tag → probes. */
	probes: ReadonlyMap<string, readonly Probe[]>;
}

export async function readRoomLog(
	sql: Sql,
	heads: Heads,
	probes: readonly Probe[]
): Promise<RoomLog> {
	const rows = await readArchive(sql);
	const byTopic = new Map<string, Row[]>();
	for (const row of rows) {
		const own = byTopic.get(row.topic);
		if (own) own.push(row);
		else byTopic.set(row.topic, [row]);
	}
	const byTag = new Map<string, Probe[]>();
	for (const probe of probes) byTag.set(probe.tag, [...(byTag.get(probe.tag) ?? []), probe]);
	const markers = await sql<{ key: string; id: number }[]>`
		select e.user_id || ' ' || (data ->> 'client') || ' ' || (t ->> 'topic') || ' ' || (t ->> 'n') as key,
			max(id)::float8 as id
		from events e, jsonb_array_elements(data -> 'topics') as t where e.topic = '$subscribed' group by 1`;
	const [last] = await sql<{ head: number }[]>`select max(id)::float8 as head from events`;
	return {
		byTopic,
		byId: new Map(rows.map((row) => [row.id, row])),
		visibility: await Visibility.read(sql),
		heads,
		head: last!.head,
		subscribed: new Map(markers.map(({ key, id }) => [key, id])),
		probes: byTag
	};
}

/** Checks the log's own view of the probes: the loss must be in the log before the event. */
export function auditProbes(
	{ visibility }: RoomLog,
	probes: readonly Probe[],
	findings: RoomFindings
) {
	for (const { userId, topic, id } of probes) {
		const run = visibility.at(userId, topic, id);
		if (run) {
			findings['revoked too late'].push(
				`${topic} ${id} for ${userId}: visible from ${run.from} until ${run.until}`
			);
		}
	}
}

/** Checks the log's own view of what was appended after a grant: the grant must be in the log before the event. */
export function auditGains(
	{ visibility }: RoomLog,
	gains: readonly Probe[],
	findings: RoomFindings
) {
	for (const { userId, topic, id } of gains) {
		const seen = visibility.runs(userId, topic);
		if (seen.some(({ from, until }) => from < id && id < until)) continue;
		const runs = seen.map(({ from, until }) => `${from} to ${until}`);
		findings['granted too late'].push(`${topic} ${id} for ${userId}: visible ${runs.join(', ')}`);
	}
}

/** Compares the application's grants with the log's. Both must be at rest. */
export async function auditGrants(sql: Sql, findings: RoomFindings): Promise<void> {
	const rows = await sql<{ text: string }[]>`
		(select 'only in the log: ' || user_id || ' ' || scope as text from grant_history where until_id is null
			and not exists (select from grants g where g.user_id = grant_history.user_id and g.scope = grant_history.scope))
		union all
		(select distinct 'only in grants: ' || user_id || ' ' || scope from grants
			where not exists (select from grant_history h
				where h.until_id is null and h.user_id = grants.user_id and h.scope = grants.scope))
		union all
		(select 'overlapping: ' || a.user_id || ' ' || a.scope || ' ' || a.from_id
			from grant_history a join grant_history b using (user_id, scope)
			where a.from_id < b.from_id and (a.until_id is null or a.until_id > b.from_id))`;
	findings['grants and log differ'].push(...rows.map(({ text }) => text));
}
