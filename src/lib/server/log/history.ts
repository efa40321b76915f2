import type { Queryable } from '../database/client.ts';
import { readPage, readWindowStart, type TopicStart } from './read.ts';

/** An event as a page gets it. */
export interface HistoryEvent {
	id: string;
	topic: string;
	data: unknown;
}

const PAGE = 1000;

/**
 * Reads what a user may see of some topics up to a position of the log, in id order.
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
		to: bigint;
	}
): Promise<{ events: HistoryEvent[]; cursor: string }> {
	const { userId, to } = query;
	let starts: TopicStart[] = await Promise.all(
		query.topics.map(async ({ topic, last }) => ({
			topic,
			after: last === undefined ? 0n : await readWindowStart(on, { userId, topic, last })
		}))
	);
	const events: HistoryEvent[] = [];
	for (;;) {
		const page = await readPage(on, { userId, starts, to, limit: PAGE });
		for (const { id, topic, data } of page) {
			events.push({ id: id.toString(), topic, data: JSON.parse(data) as unknown });
		}
		const last = page[page.length - 1];
		if (!last || page.length < PAGE) return { events, cursor: to.toString() };
		starts = starts.map(({ topic, after }) => ({
			topic,
			after: after > last.id ? after : last.id
		}));
	}
}
