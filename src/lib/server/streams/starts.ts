import type { Ended, Gap, Viewer } from '../../protocol/index.ts';
import type { Queryable } from '../database/queryable.ts';
import type { KnownClient, RequestedTopic, TopicSafety } from './topic-safety.ts';
import { readOldest, readWindowStarts, type TopicStart } from '../log/read.ts';
import type { Carried, CarriedTopic } from './carried.ts';
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

/** A topic whose history begins. */
interface BegunTopic extends Pick<CarriedTopic, 'floor' | 'replay'> {
	topic: string;
	/** The replay window is the one of this position of the log. undefined: of now. */
	asOf: bigint | undefined;
}

/** Returns where histories begin: at the declared replay window, or at the first event that the viewer may see. */
export async function placeBegun(
	{ history }: Pick<StreamParts, 'history'>,
	viewer: Viewer,
	topics: readonly BegunTopic[]
): Promise<TopicStart[]> {
	const windows = topics.flatMap(({ topic, replay: last, asOf: to }) =>
		last === undefined ? [] : [to === undefined ? { topic, last } : { topic, last, to }]
	);
	const begins = await readWindowStarts(history, { userId: viewer.id, topics: windows });
	return topics.map(({ topic, floor }) => ({
		topic,
		after: later(begins.get(topic) ?? 0n, floor)
	}));
}

/**
 * Returns the topics that begin behind their end. The others are told of their end where it stands. No later end can be behind
 * a start: it has a greater id than every event that anybody has.
 */
export async function endedBefore(
	readEnded: StreamParts['readEnded'],
	starts: readonly TopicStart[]
): Promise<Ended[]> {
	if (starts.length === 0) return [];
	const ended = await readEnded(starts.map(({ topic }) => topic));
	return starts.flatMap(({ topic, after }) => {
		const id = ended.get(topic);
		return id !== undefined && id <= after ? [{ topic }] : [];
	});
}

/** Where the topics of a stream begin, and which of their histories begin now. */
export interface Starts {
	starts: TopicStart[];
	/** Topics whose history begins with this request. For them, events that are already trimmed are not a gap. */
	begun: string[];
}

/**
 * Returns where each carried topic begins.
 *
 * A topic that depends on a grant is safe at cursor c if its subscription is and c is not before the grant: whoever has an
 * event at or after the grant has received the topic's history before it. A topic that a wildcard brought is judged by the
 * subscription of the wildcard.
 *
 * @param client its subscriptions, of which a wildcard's says as of which position its replay windows count
 * @param tail position of the log, for a wildcard that is new
 */
export async function placeStarts(
	parts: Pick<StreamParts, 'history'>,
	viewer: Viewer,
	{ topics }: Pick<Carried, 'topics'>,
	safety: TopicSafety,
	{ rows }: Pick<KnownClient, 'rows'>,
	cursor: bigint | null,
	tail: bigint
): Promise<Starts> {
	const known = new Map(safety.starts.map(({ topic, after }) => [topic, after]));
	const starts: TopicStart[] = [];
	const begin: (BegunTopic & { notBefore: bigint })[] = [];
	for (const [topic, { wildcard, since, floor, replay }] of topics) {
		const isNewlyGranted = cursor !== null && cursor < since;
		if (wildcard === null) {
			const after = isNewlyGranted ? null : (known.get(topic) ?? null);
			if (after !== null) starts.push({ topic, after: later(after, floor) });
			else {
				const asOf = isNewlyGranted ? since : undefined;
				begin.push({ topic, floor, replay, asOf, notBefore: 0n });
			}
		} else {
			const isSafe = cursor !== null && !isNewlyGranted && safety.safeTopics.includes(wildcard);
			const row = rows.find((row) => row.topic === wildcard);
			const asOf = later(row?.begin ?? tail, since);
			begin.push({ topic, floor, replay, asOf, notBefore: isSafe ? cursor : 0n });
		}
	}
	const begun = begin
		.map(({ topic }) => topic)
		.filter((topic) => safety.begun.includes(topics.get(topic)?.wildcard ?? topic));
	const placed = await placeBegun(parts, viewer, begin);
	for (const [i, { topic, after }] of placed.entries()) {
		starts.push({ topic, after: later(after, begin[i]!.notBefore) });
	}
	return { starts, begun };
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
 *
 * @param topics all that were asked for, also those that are not carried: the client must forget what it had of them
 */
export async function gapsOf(
	{ history }: Pick<StreamParts, 'history'>,
	viewer: Viewer,
	wanted: StreamRequest,
	{ valid, cursor, lost }: CursorStanding,
	topics: Iterable<string>
): Promise<Gap[]> {
	if (valid && !lost) return [];
	const gaps: Gap[] = [];
	for (const topic of topics) {
		const oldest = await readOldest(history, { userId: viewer.id, topic });
		const gap = { topic, after: String(cursor), oldest: oldest?.toString() ?? null };
		gaps.push(lost ? { ...gap, lost: String(wanted.cursor) } : gap);
	}
	return gaps;
}

const later = (a: bigint, b: bigint): bigint => (a > b ? a : b);
