import { arrayLiteral } from '../database/array-literal.ts';
import type { Queryable } from '../database/queryable.ts';
import type { AcceptedEvent } from './accept.ts';
import type { Refusal } from './refusal.ts';

/**
 * Finds the event for whose sake the log has refused an append. Those before it are not refused: their key is known, or their
 * epoch was not over.
 *
 * The log says which topic or producer it refuses, but not which event. So its rules are applied again here, to what it knows
 * now. Keys are only added, epochs only rise and ends stay, so the answer holds for the next append, too.
 *
 * @returns its index; undefined: none of them
 * @throws errors of the driver
 * @see migrations/log/0013_ended_and_fenced.sql, `logline_fence`
 */
export async function findRefused(
	on: Queryable,
	{ producer: name, concerns }: Refusal,
	events: readonly AcceptedEvent[]
): Promise<number | undefined> {
	const concerned = events.flatMap((event, i) => (concerns(event) ? [i] : []));
	if (concerned.length < 2) return concerned[0];
	const [row] = await on.query<{ known: string; epoch: string | null }>(
		`SELECT ARRAY(
				SELECT EXISTS (SELECT FROM event_keys AS k WHERE k.key = i.key)
				FROM unnest($1::text[]) WITH ORDINALITY AS i(key, n) ORDER BY n
			)::text AS known,
			(SELECT epoch::text FROM producers WHERE name = $2) AS epoch`,
		[arrayLiteral(events.map(({ key }) => key)), name]
	);
	const known = row!.known.slice(1, -1).split(',');
	let highest = BigInt(row!.epoch ?? 0);
	const met = new Set<string>();
	for (const [i, event] of events.entries()) {
		const { key, producer } = event;
		const addsNothing = known[i] === 't' || (key !== null && met.has(key));
		if (key !== null) met.add(key);
		if (addsNothing || !concerns(event)) continue;
		if (name === null || !producer) return i;
		const epoch = BigInt(producer.epoch);
		if (epoch < highest) return i;
		highest = epoch;
	}
	return undefined;
}
