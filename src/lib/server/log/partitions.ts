import type { Queryable } from '../database/client.ts';
import { isTransient } from '../database/transient.ts';
import { arrayLiteral } from './array-literal.ts';
import { lastIdBefore, type Kept } from './retention.ts';

/**
 * Drops partitions of which no topic needs an event any more: that costs milliseconds where deleting the rows costs minutes
 * and writes them all to the WAL once more. The horizons move first.
 *
 * @returns how many were dropped
 */
export async function dropSpentPartitions(
	on: Queryable,
	topics: readonly Kept[],
	head: bigint
): Promise<number> {
	const partitions = await on.query<{ name: string; last: string }>(
		`SELECT c.relname AS name, ((regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \\(''?(\\d+)'))[1]::bigint - 1)::text AS last
		FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'events'::regclass AND c.relname ~ '^events_[0-9]+$'
		ORDER BY c.oid`,
		[]
	);
	let dropped = 0;
	for (const { name, last } of partitions) {
		if (BigInt(last) >= head) continue;
		const spent: string[] = [];
		for (const { topic, retention } of topics) {
			if (!retention || !('seconds' in retention)) continue;
			if ((await lastIdBefore(on, retention.seconds, head)) >= BigInt(last)) spent.push(topic);
		}
		const [needed] = await on.query(`SELECT FROM ${name} WHERE topic <> ALL($1::text[]) LIMIT 1`, [
			arrayLiteral(spent)
		]);
		if (!needed && (await drop(on, name))) dropped++;
	}
	return dropped;
}

async function drop(on: Queryable, name: string): Promise<boolean> {
	await on.query(
		`INSERT INTO topic_horizons AS h (topic, audience, horizon)
		SELECT topic, coalesce(user_id, 0), max(id) FROM ${name} GROUP BY 1, 2
		ON CONFLICT (topic, audience) DO UPDATE SET horizon = greatest(h.horizon, excluded.horizon)`,
		[]
	);
	try {
		// Dropping locks the whole table: rather try again later than make every reader wait behind a slow one.
		await on.query(
			`DO $$ BEGIN SET LOCAL lock_timeout = '200ms'; EXECUTE 'DROP TABLE ${name}'; END $$`,
			[]
		);
		return true;
	} catch (error) {
		if (isTransient(error)) return false;
		throw error;
	}
}
