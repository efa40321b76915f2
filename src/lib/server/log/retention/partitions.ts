import type { Queryable } from '../../database/queryable.ts';
import { mayPass } from '../../database/transient.ts';
import { arrayLiteral } from '../../database/array-literal.ts';
import type { Timed } from './age.ts';

/**
 * Creates partitions ahead of the log. Safe to run in every process.
 *
 * @returns the greatest id that has a partition
 */
export async function ensurePartitions(on: Queryable): Promise<bigint> {
	const [row] = await on.query<{ last: string }>(
		'SELECT logline_last_partitioned()::text AS last FROM logline_ensure_partitions()',
		[]
	);
	return BigInt(row!.last);
}

/**
 * Drops partitions whose events are no longer needed by any topic. A drop takes milliseconds. Deleting the rows would take
 * minutes and write all of them to the WAL again. The horizons move first.
 *
 * @param topics topics and patterns that are kept for a time; an event of any other topic is needed
 * @param signal stops it between two partitions
 * @returns number of dropped partitions
 */
export async function dropSpentPartitions(
	on: Queryable,
	topics: readonly Timed[],
	head: bigint,
	signal?: AbortSignal
): Promise<number> {
	const partitions = await on.query<{ name: string; last: string }>(
		`SELECT c.relname AS name, ((regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \\(''?(\\d+)'))[1]::bigint - 1)::text AS last
		FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'events'::regclass AND c.relname ~ '^events_[0-9]+$'
		ORDER BY c.oid`,
		[]
	);
	const kept = [
		arrayLiteral(topics.map(({ topic }) => topic)),
		arrayLiteral(topics.map(({ seconds }) => String(seconds))),
		arrayLiteral(topics.map(({ waiting }) => (waiting ?? head).toString())),
		arrayLiteral(topics.map(({ waitSeconds = 0 }) => String(waitSeconds)))
	];
	/** @returns true when one of the rows is still needed; each row's own age counts */
	const needs = async (rows: string) => {
		const needed = await on.query(
			`SELECT FROM ${rows} AS e
			LEFT JOIN log_topics AS known ON known.topic = e.topic
			LEFT JOIN unnest($1::text[], $2::float8[], $3::bigint[], $4::float8[]) AS kept(name, seconds, waiting, wait_seconds) ON kept.name = coalesce(known.pattern, e.topic)
			WHERE kept.seconds IS NULL OR e.created_at >= now() - make_interval(secs => kept.seconds)
				OR e.id > kept.waiting AND e.created_at >= now() - make_interval(secs => kept.wait_seconds) LIMIT 1`,
			kept
		);
		return needed.length > 0;
	};
	let dropped = 0;
	for (const { name, last } of partitions) {
		if (BigInt(last) >= head) continue;
		if (signal?.aborted) break;
		// Check the first and the last row before all rows: this is cheap, and a needed event is mostly found there.
		const end = (order: string) => `(SELECT * FROM ${name} ORDER BY id ${order} LIMIT 1)`;
		try {
			const spent =
				!(await needs(end('ASC'))) && !(await needs(end('DESC'))) && !(await needs(name));
			if (spent && (await drop(on, name))) dropped++;
		} catch (error) {
			// Another server has dropped it since it was listed. This happens when this process lost its connection, and so
			// the trim lock.
			if ((error as { code?: unknown }).code !== UNDEFINED_TABLE) throw error;
		}
	}
	return dropped;
}

const UNDEFINED_TABLE = '42P01';

async function drop(on: Queryable, name: string): Promise<boolean> {
	await on.query(
		`INSERT INTO topic_horizons AS h (topic, audience, horizon)
		SELECT topic, coalesce(user_id, ''), max(id) FROM ${name} GROUP BY 1, 2
		ON CONFLICT (topic, audience) DO UPDATE SET horizon = greatest(h.horizon, excluded.horizon)`,
		[]
	);
	try {
		// Dropping locks the whole table. If a slow reader holds it, give up and try again later, so that other readers do
		// not wait.
		await on.query(
			`DO $$ BEGIN SET LOCAL lock_timeout = '200ms'; EXECUTE 'DROP TABLE ${name}'; END $$`,
			[]
		);
		return true;
	} catch (error) {
		if (mayPass(error)) return false;
		throw error;
	}
}
