/**
 * Trimming by age. Only the `created_at` of each event counts. These times do not rise with the ids: an import keeps the
 * times of its rows, and an outbox row keeps the time when it was written.
 *
 * There is no index on time. Instead, the ids are divided into blocks, and `retention_blocks` stores for each block and
 * topic the oldest time in it. The job reads each row once to fill this table. The table then shows which blocks have
 * something to trim.
 */
import type { Queryable } from '../../database/queryable.ts';
import { arrayLiteral } from '../../database/array-literal.ts';
import { endOfBatch, readProgress } from '../progress.ts';

/** A topic, or a pattern of topics, whose events are kept for a time. */
export interface Timed {
	topic: string;
	seconds: number;
	/** Events after this id wait for a consumer, until they are `waitSeconds` older than now. undefined: none waits. */
	waiting?: bigint | undefined;
	waitSeconds?: number;
}

/** An event is trimmed when it is older than the first time, and no consumer waits for it or it is older than the second. */
interface Cut {
	cut: string;
	/** Greatest id for which no consumer waits. */
	waiting: string;
	/** Older events wait for nobody. */
	latest: string;
}

/** SQL: the events of a block that are trimmed. */
const OLD = `topic = $1 AND id >= $2::bigint AND id <= $3::bigint AND created_at < $4::timestamptz
	AND (id <= $5::bigint OR created_at < $6::timestamptz)`;

/**
 * SQL: the declared name or pattern of a topic. Topics whose last event is older than the table `log_topics` are missing
 * there; they are declared by name.
 */
export const declaredAs = (topic: string): string =>
	`coalesce((SELECT pattern FROM log_topics AS known WHERE known.topic = ${topic}), ${topic})`;

/** Ids per block. One statement deletes at most this many events. */
const BLOCK = 10_000;

/** Blocks trimmed between two reads of `retention_blocks`. */
const BLOCKS = 100;

/**
 * Deletes the events that are older than the retention time of their topic, and no others.
 *
 * @param head newest visible event
 * @param signal stops the job between two blocks
 * @returns number of deleted events
 */
export async function trimByTime(
	on: Queryable,
	topics: readonly Timed[],
	head: bigint,
	signal?: AbortSignal
): Promise<number> {
	await noteBlocks(on, topics, head, signal);
	let deleted = 0;
	for (const { topic, seconds, waiting, waitSeconds = 0 } of await topicsDue(on, topics)) {
		// The horizon and the deletion must use the same time.
		const [row] = await on.query<{ cut: string; latest: string }>(
			`SELECT (now() - make_interval(secs => $1::float8))::text AS cut,
				(now() - make_interval(secs => greatest($1::float8, $2::float8)))::text AS latest`,
			[seconds, waitSeconds]
		);
		const cut = { ...row!, waiting: (waiting ?? head).toString() };
		// In order of the blocks, each once: one with events that wait keeps its entry.
		for (let before = '-1'; ;) {
			const blocks = await on.query<{ block: string; last: string }>(
				`SELECT block::text, last::text FROM retention_blocks
				WHERE topic = $1 AND oldest < $2::timestamptz AND block > $3::bigint
					AND (block <= $4::bigint / ${BLOCK} OR oldest < $5::timestamptz)
				ORDER BY retention_blocks.block LIMIT ${BLOCKS}`,
				[topic, cut.cut, before, cut.waiting, cut.latest]
			);
			if (blocks.length === 0) break;
			before = blocks.at(-1)!.block;
			for (const { block, last } of blocks) {
				if (signal?.aborted) return deleted;
				deleted += await trimBlock(on, topic, block, last, cut);
			}
		}
	}
	return deleted;
}

/** Returns the topics that have something to trim, so that thousands of others cost nothing. */
async function topicsDue(on: Queryable, topics: readonly Timed[]): Promise<Timed[]> {
	if (topics.length === 0) return [];
	const rows = await on.query<{ topic: string; declared: string }>(
		`SELECT DISTINCT b.topic, t.name AS declared FROM retention_blocks AS b
		JOIN unnest($1::text[], $2::text[]::float8[]) AS t(name, seconds) ON t.name = ${declaredAs('b.topic')}
		WHERE b.oldest < now() - make_interval(secs => $3::float8) AND b.oldest < now() - make_interval(secs => t.seconds)
		ORDER BY b.topic`,
		[
			arrayLiteral(topics.map(({ topic }) => topic)),
			arrayLiteral(topics.map(({ seconds }) => String(seconds))),
			Math.min(...topics.map(({ seconds }) => seconds))
		]
	);
	const declared = new Map(topics.map((timed) => [timed.topic, timed]));
	return rows.map(({ topic, declared: name }) => ({ ...declared.get(name)!, topic }));
}

/** Stores the oldest time of each block and topic, for the rows that are new since the last run. */
async function noteBlocks(
	on: Queryable,
	topics: readonly Timed[],
	head: bigint,
	signal?: AbortSignal
): Promise<void> {
	if (topics.length === 0) return;
	const rule = 'time';
	const done = await readProgress(
		on,
		topics.map(({ topic }) => topic),
		rule
	);
	for (;;) {
		// Topics with the same progress are read together. Usually all have the same.
		const places = [...new Set(done.values())].sort((a, b) => (a < b ? -1 : 1));
		const [from, next = head] = places;
		if (from! >= head || signal?.aborted) return;
		const due = [...done.keys()].filter((topic) => done.get(topic) === from);
		const to = await endOfBatch(on, from!, next < head ? next : head);
		await on.query(
			`WITH noted AS (
				INSERT INTO retention_blocks AS b (topic, block, last, oldest)
				SELECT topic, id / ${BLOCK}, max(id), min(created_at) FROM events
				WHERE (topic = ANY($1::text[]) OR topic IN (SELECT known.topic FROM log_topics AS known WHERE pattern = ANY($1::text[])))
					AND id > $2::bigint AND id <= $3::bigint GROUP BY 1, 2
				ON CONFLICT (topic, block) DO UPDATE
					SET last = greatest(b.last, excluded.last), oldest = least(b.oldest, excluded.oldest)
			)
			INSERT INTO retention_progress (topic, done, rule) SELECT topic, $3::bigint, $4 FROM unnest($1::text[]) AS t(topic)
			ON CONFLICT (topic) DO UPDATE SET done = excluded.done, rule = excluded.rule`,
			[arrayLiteral(due), from!.toString(), to.toString(), rule]
		);
		for (const topic of due) done.set(topic, to);
	}
}

/** Deletes the events of one block that are old enough. */
async function trimBlock(
	on: Queryable,
	topic: string,
	block: string,
	last: string,
	{ cut, waiting, latest }: Cut
): Promise<number> {
	const first = (BigInt(block) * BigInt(BLOCK)).toString();
	const old = [topic, first, last, cut, waiting, latest];
	await on.query(
		`INSERT INTO topic_horizons AS h (topic, audience, horizon)
		SELECT topic, coalesce(user_id, ''), max(id) FROM events
		WHERE ${OLD} GROUP BY 1, 2
		ON CONFLICT (topic, audience) DO UPDATE SET horizon = greatest(h.horizon, excluded.horizon)`,
		old
	);
	const [row] = await on.query<{ count: string }>(
		`WITH gone AS (
			DELETE FROM events
			WHERE ${OLD} RETURNING 1
		) SELECT count(*)::text AS count FROM gone`,
		old
	);
	// `b.last = $3`: leave the entry of a block that has grown since it was read. This happens when this job lost its lock
	// and another process runs it.
	await on.query(
		`WITH rest AS (
			SELECT min(created_at) AS oldest FROM events
			WHERE topic = $1 AND id >= $2::bigint AND id <= $3::bigint
		), kept AS (
			UPDATE retention_blocks AS b SET oldest = rest.oldest FROM rest
			WHERE b.topic = $1 AND b.block = $4::bigint AND b.last = $3::bigint AND rest.oldest IS NOT NULL
		)
		DELETE FROM retention_blocks AS b USING rest
		WHERE b.topic = $1 AND b.block = $4::bigint AND b.last = $3::bigint AND rest.oldest IS NULL`,
		[topic, first, last, block]
	);
	return Number(row!.count);
}
