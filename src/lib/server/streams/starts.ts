import type { Gap, Viewer } from '../../protocol/index.ts';
import type { Queryable } from '../database/queryable.ts';
import { placeTopics, type RequestedTopic, type TopicSafety } from './topic-safety.ts';
import { readOldest, readWindowStart, type TopicStart } from '../log/read.ts';
import type { StreamRequest } from './request.ts';
import type { LogStanding } from './client.ts';
import type { StreamParts } from './parts.ts';

/** The result of judging a client's cursor. */
export interface CursorStanding {
	/** False: the cursor is of another log, or was never issued. It is valid for no topic. */
	valid: boolean;
	/** Where the client continues. null: it had no cursor. */
	cursor: bigint | null;
	/** True when events that the client has received may have been lost. It continues from before them. */
	lost: boolean;
}

/**
 * Judges a cursor by the ids that were given out. The tail cannot be used: it may be behind another server's. The newest
 * event cannot be used: it may be deleted.
 */
export function judgeCursor(
	{ cursor, log: epoch }: Pick<StreamRequest, 'cursor' | 'log'>,
	log: LogStanding
): CursorStanding {
	if (cursor === null) return { valid: true, cursor, lost: false };
	if (cursor > log.given || (epoch !== null && epoch !== log.epoch)) {
		return { valid: false, cursor, lost: false };
	}
	return { valid: true, cursor: log.lostAfter ?? cursor, lost: log.lostAfter !== null };
}

/**
 * Returns the requested topics for a cursor that goes back. The last event that the client handled of a topic may also be
 * lost. Then its last id is set to the cursor: the client has received all events of the topic up to there.
 */
export function topicsFrom(
	topics: readonly RequestedTopic[],
	{ cursor, lost }: CursorStanding
): readonly RequestedTopic[] {
	if (!lost || cursor === null) return topics;
	const isBeyond = (last: bigint | undefined) => last !== undefined && last > cursor;
	return topics.map((topic) => (isBeyond(topic.last) ? { ...topic, last: cursor } : topic));
}

/** Returns where each topic begins. A topic whose history begins now starts at its declared replay window, if it has one. */
export async function placeStarts(
	{ topics, history }: Pick<StreamParts, 'topics' | 'history'>,
	viewer: Viewer,
	safety: TopicSafety
): Promise<TopicStart[]> {
	const begins = new Map<string, bigint>();
	for (const { topic, after } of safety.starts) {
		const last = topics.get(topic)?.replay?.last;
		if (after !== null || last === undefined) continue;
		begins.set(topic, await readWindowStart(history, { userId: viewer.id, topic, last }));
	}
	return placeTopics(safety, (topic) => begins.get(topic) ?? 0n);
}

/**
 * Returns the `oldest` id of a gap that is caused by a trim. It must be greater than `after`: otherwise the client would
 * treat the gap as a gap of another log and handle all events again. Events at or below `after` may still exist, because
 * retention keeps the newest events of each user, and young events with small ids.
 *
 * @returns null when no event of the topic is left
 */
export async function oldestOfTrim(
	on: Queryable,
	{ after, horizon, ...query }: { userId: string; topic: string; after: bigint; horizon: bigint }
): Promise<bigint | null> {
	const next = await readOldest(on, { ...query, after });
	if (next !== null) return next;
	return (await readOldest(on, query)) === null ? null : horizon + 1n;
}

/**
 * Returns the gaps for a client whose cursor is not valid. With a cursor of another log, nothing that the client has is
 * valid. After a loss, everything up to `standing.cursor` is valid, and all topics get a gap. This includes topics that look
 * new: their subscription may have been lost together with the events.
 */
export async function gapsOf(
	{ history }: Pick<StreamParts, 'history'>,
	viewer: Viewer,
	wanted: StreamRequest,
	{ valid, cursor, lost }: CursorStanding,
	{ safeTopics, newTopics }: TopicSafety
): Promise<Gap[]> {
	if (valid && !lost) return [];
	const gaps: Gap[] = [];
	for (const topic of valid ? [...safeTopics, ...newTopics] : newTopics) {
		const oldest = await readOldest(history, { userId: viewer.id, topic });
		const gap = { topic, after: String(cursor), oldest: oldest?.toString() ?? null };
		gaps.push(lost ? { ...gap, lost: String(wanted.cursor) } : gap);
	}
	return gaps;
}
