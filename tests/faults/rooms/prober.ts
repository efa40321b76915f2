import type { Sql } from '../../../src/app/driver-client.ts';
import { until } from '../../support/until.ts';
import { ask } from '../http.ts';
import type { Ledger } from '../ledger.ts';
import type { Random } from '../random.ts';
import type { Gifts } from './granter.ts';
import { PLACES } from './places.ts';

/** An event that was appended while its topic was certainly taken back from a user. */
export interface Probe {
	readonly userId: string;
	readonly topic: string;
	readonly tag: string;
	id: number;
}

/** What the prober needs. */
export interface ProberParts {
	/** No fault affects it. */
	sql: Sql;
	random: Random;
	users: readonly string[];
	gifts: Gifts;
	ledger: Ledger;
	/** The servers' address. */
	origin: string;
	probes: Probe[];
}

/**
 * Appends an event to a topic that a user has lost, and notes its id.
 *
 * "Has lost" is known from the application's side alone: a query that began after the revoke has committed sees no row of the
 * user for any scope of the topic, and nobody gives one until the event is in the log. So no stream of the user may deliver
 * this event before the next `$granted` of the topic, whatever `grant_history` says.
 */
export async function probe(parts: ProberParts): Promise<void> {
	const { sql, random, gifts, ledger, probes } = parts;
	const { topic, scopes } = random.pick(PLACES.filter((place) => place.scopes.length > 0));
	const userId = random.pick(parts.users);
	const before = gifts.begun(userId, scopes);
	if (!gifts.quiet(userId, scopes)) return;
	const held = await sql`
		select from grants where user_id = ${userId} and scope in ${sql([...scopes])} limit 1`;
	if (held.length > 0) return;
	const tag = `probe-${probes.length}-${random.between(0, 1e9)}`;
	const fact = ledger.declare({ tag, topic, userId: null, key: null, business: false });
	const id = await append(parts, topic, tag);
	if (id === 'refused') {
		ledger.refuse(fact);
		return;
	}
	if (id === null) return;
	ledger.acknowledge(fact, id);
	// A gift that has begun meanwhile may have come before the event.
	if (gifts.begun(userId, scopes) === before) probes.push({ userId, topic, tag, id });
}

/** @returns the id; null: the outcome is not known */
async function append(
	{ sql, random, origin }: ProberParts,
	topic: string,
	tag: string
): Promise<number | 'refused' | null> {
	const data = { tag };
	const door = random.weighted([
		[5, 'insert'],
		[3, 'server'],
		[2, 'outbox']
	] as const);
	if (door === 'server') {
		const answer = await ask(`${origin}/append`, {
			body: [{ topic, userId: null, data }],
			timeoutMs: 18_000
		});
		return answer?.status === 200 ? Number((answer.body as { id: string }[])[0]!.id) : null;
	}
	try {
		if (door === 'insert') {
			const [row] = await sql<{ id: number }[]>`
				insert into events (topic, data) values (${topic}, ${sql.json(data)}) returning id::float8 as id`;
			return row!.id;
		}
		await sql`insert into outbox (topic, data) values (${topic}, ${sql.json(data)})`;
	} catch (error) {
		if ((error as { code?: string }).code === '55P03') return 'refused';
		throw error;
	}
	return until(
		async () => {
			const [row] = await sql<{ id: number }[]>`
				select id::float8 as id from checker_log where tag = ${tag}`;
			return row?.id;
		},
		{ what: 'the outbox is moved', timeoutMs: 60_000, everyMs: 20 }
	);
}
