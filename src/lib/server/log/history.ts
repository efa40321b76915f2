import type { Queryable } from '../database/client.ts';
import {
	readHead,
	readOldest,
	readPage,
	readWindowStart,
	topicRange,
	type TopicStart
} from './read.ts';

/** An event as a page gets it. */
export interface HistoryEvent {
	id: string;
	topic: string;
	data: unknown;
}

/** Rows of one statement. */
const PAGE = 256;

/** Characters of data after which a first state is long enough: the stream brings the rest at the pace of its socket. */
const MAX_LENGTH = 4_194_304;

/**
 * Reads what a user may see of some topics up to the head of the log, in id order. When that is very much, it stops early:
 * the cursor tells for which position the answer is true, and whoever goes on from there misses nothing.
 *
 * One snapshot for all of it is not needed: ids become visible in order, so what is there up to a committed position does
 * not change any more.
 *
 * @param query.topics with how many of the newest events are wanted of each; undefined: all
 */
export async function readHistory(
	on: Queryable,
	query: {
		userId: string;
		topics: readonly { topic: string; last?: number | undefined }[];
	}
): Promise<{ events: HistoryEvent[]; cursor: string }> {
	const { userId } = query;
	const to = await readHead(on);
	let starts: TopicStart[] = await Promise.all(
		query.topics.map(async ({ topic, last }) => ({
			topic,
			after: last === undefined ? 0n : await readWindowStart(on, { userId, topic, last })
		}))
	);
	const events: HistoryEvent[] = [];
	let length = 0;
	for (;;) {
		const page = await readPage(on, { userId, starts, to, limit: PAGE });
		for (const { id, topic, data } of page) {
			events.push({ id: id.toString(), topic, data: JSON.parse(data) as unknown });
			length += data.length;
		}
		const last = page[page.length - 1];
		if (!last || page.length < PAGE) return { events, cursor: to.toString() };
		if (length > MAX_LENGTH) return { events, cursor: last.id.toString() };
		starts = starts.map(({ topic, after }) => ({
			topic,
			after: after > last.id ? after : last.id
		}));
	}
}

/** A page of a topic's history, newest first. */
export interface HistoryPage {
	events: (HistoryEvent & { createdAt: string })[];
	/** Oldest id of the topic that is kept for the user, or null: when the last page has been reached is known by it. */
	oldest: string | null;
}

/**
 * Reads what a user may see of a topic before an id, newest first.
 *
 * @param query.before null: from the newest
 */
export async function readHistoryPage(
	on: Queryable,
	query: { userId: string; topic: string; before: bigint | null; limit: number }
): Promise<HistoryPage> {
	const newest = (audience: string) =>
		topicRange({
			columns: 'id, topic, data, created_at',
			audience,
			topic: '$1',
			after: '0',
			to: '$3',
			limit: '$4',
			newestFirst: true
		});
	const to = query.before === null ? 2n ** 63n - 1n : query.before - 1n;
	const rows = await on.query<{ id: string; topic: string; data: string; created: number }>(
		`SELECT id::text, topic, data::text, (extract(epoch FROM created_at) * 1000)::float8 AS created
		FROM (${newest('0')} UNION ALL ${newest('$2')}) AS merged ORDER BY merged.id DESC LIMIT $4::int`,
		[query.topic, query.userId, to.toString(), query.limit]
	);
	const oldest = await readOldest(on, query);
	return {
		events: rows.map(({ id, topic, data, created }) => ({
			id,
			topic,
			data: JSON.parse(data) as unknown,
			createdAt: new Date(created).toISOString()
		})),
		oldest: oldest?.toString() ?? null
	};
}
