import type { Sql } from '../../../src/app/driver-client.ts';
import { until } from '../../support/until.ts';
import { ask } from '../http.ts';
import type { Ledger } from '../ledger.ts';
import type { Random } from '../random.ts';
import type { Gifts } from './granter.ts';
import { PLACES } from './places.ts';

/** An event that was appended while its topic was certainly taken back from a user, or certainly granted. */
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
	/** Appended after a revoke. */
	probes: Probe[];
	/** Appended after a grant. */
	gains: Probe[];
}

/**
 * Appends an event to a topic that a user has lost, and notes its id.
 *
 * "Has lost" is known from the application's side alone: a query that began after the revoke has committed sees no row of the
 * user for any scope of the topic, and nobody gives one until the event is in the log. So no stream of the user may deliver
 * this event before the next `$granted` of the topic, whatever `grant_history` says.
 */
export async function probe(parts: ProberParts): Promise<void> {
	const { sql, random, gifts, probes } = parts;
	const { topic, scopes } = random.pick(PLACES.filter((place) => place.scopes.length > 0));
	const userId = random.pick(parts.users);
	const before = gifts.begun(userId, scopes);
	if (!gifts.quiet(userId, scopes)) return;
	const held = await sql`
		select from grants where user_id = ${userId} and scope in ${sql([...scopes])} limit 1`;
	if (held.length > 0) return;
	const noted = await note(parts, topic, `probe-${probes.length}-${random.between(0, 1e9)}`);
	// A gift that has begun meanwhile may have come before the event.
	if (noted && gifts.begun(userId, scopes) === before) probes.push({ userId, topic, ...noted });
}

/**
 * Appends an event to a topic that shows what comes after the grant, while a user certainly has one, and notes its id.
 *
 * "Has one" is known from the application's side alone: the same version of a row of `grants` is seen by a query that ended
 * before the append began, and by one that began after it. So the event must stand behind the `$granted`, whether or not a
 * relay had noted that yet.
 */
export async function probeGain(parts: ProberParts): Promise<void> {
	const { sql, random, gifts, gains } = parts;
	const { topic, scopes } = random.pick(PLACES.filter((place) => place.sinceGranted));
	const scope = random.pick(scopes);
	const userId = random.pick(parts.users);
	const versions = async () => {
		const rows = await sql<{ version: string }[]>`
			select source || ' ' || xmin as version from grants where user_id = ${userId} and scope = ${scope}`;
		return rows.map(({ version }) => version);
	};
	let before: string[] = [];
	// Mostly at once after the commit of a grant, so that no relay has noted it.
	if (random.chance(0.7)) {
		const row = { scope, user_id: userId, source: random.pick(['probe1', 'probe2', 'probe3']) };
		await gifts.during(userId, [scope], async () => {
			const given = await sql<{ version: string }[]>`
				insert into grants ${sql(row)} on conflict do nothing returning source || ' ' || xmin as version`;
			before = given.map(({ version }) => version);
		});
	}
	if (before.length === 0) before = await versions();
	if (before.length === 0) return;
	const noted = await note(parts, topic, `gain-${gains.length}-${random.between(0, 1e9)}`);
	if (!noted) return;
	const after = await versions();
	if (before.some((version) => after.includes(version))) gains.push({ userId, topic, ...noted });
}

/** @returns null when the event was refused, or the outcome is not known */
async function note(
	parts: ProberParts,
	topic: string,
	tag: string
): Promise<{ tag: string; id: number } | null> {
	const { ledger } = parts;
	const fact = ledger.declare({ tag, topic, userId: null, key: null, business: false });
	const id = await append(parts, topic, tag);
	if (id === 'refused') ledger.refuse(fact);
	if (id === 'refused' || id === null) return null;
	ledger.acknowledge(fact, id);
	return { tag, id };
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
