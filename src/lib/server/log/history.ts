import type { Queryable } from '../database/queryable.ts';
import { EventRefused, listed, readPageOf, type ListedRow } from './page.ts';
import { ATTEMPTS, PageSize, Turn } from './page-size.ts';
import { readHead, readOldest, readPage, readWindowStarts } from './read.ts';
import { END, EVERYONE, topicRange } from './topic-range.ts';
import { TIMES, timeOf, type Times, type TopicStart } from './topics.ts';
import type { TodaysShape } from './upcast.ts';

/** An event for a server-rendered page. */
export interface HistoryEvent {
	id: string;
	topic: string;
	/**
	 * null when the value cannot be serialized into the page (then `json` has it), or when the event cannot be sent at all.
	 */
	data: unknown;
	/** The data as JSON text for `JSON.parse` in the browser. Set only when the page cannot carry the data as a value. */
	json?: string;
	/** When it was written. ISO 8601; or the text that Postgres prints (for example "infinity"), if ISO 8601 has none. */
	at: string;
}

/** Rows of one statement. */
const PAGE = 256;

/** Octets of data after which the first state ends. The stream sends the rest at the speed of its socket. */
const MAX_LENGTH = 4_194_304;

const turn = new Turn();

/** Maximum nesting of arrays and objects. Deeper values could overflow the stack of recursive code. */
const MAX_DEPTH = 200;

/**
 * Reads what a user may see of some topics up to a position of the log, in id order. When that is too much, it stops early.
 * The returned cursor says up to which position the events are complete, so a client that continues from there misses
 * nothing.
 *
 * It does not need one snapshot for all pages: ids become visible in order, so nothing is added below a committed position.
 *
 * @param query.to the head, read before what the user may see: what was appended after a grant has ended is not shown.
 *   Default: the head of now
 * @param query.shape called for the data that the page carries
 * @param query.topics `last`: how many of the newest events of the topic; undefined: all. `after`: no event up to this id
 */
export async function readHistory(
	on: Queryable,
	query: {
		userId: string;
		topics: readonly { topic: string; last?: number | undefined; after?: bigint | undefined }[];
		to?: bigint;
		shape?: TodaysShape;
	}
): Promise<{ events: HistoryEvent[]; cursor: string }> {
	const { userId, shape } = query;
	const { to = await readHead(on) } = query;
	let starts: readonly TopicStart[] = await placeStarts(on, query, to);
	const events: HistoryEvent[] = [];
	let room = MAX_LENGTH;
	let position = starts.reduce((least, { after }) => (after < least ? after : least), to);
	for (;;) {
		const size = new PageSize({ most: PAGE, bytes: room, turn });
		const wanted = { userId, starts, to, size, times: true };
		const page = await readPage<ListedRow & Times>(on, wanted).catch((error: unknown) => {
			// One event that Postgres refuses to return must not fail the page. The stream will handle it.
			if (error instanceof EventRefused) return null;
			throw error;
		});
		for (const [i, event] of (page?.events ?? []).entries()) {
			room -= event.data?.length ?? 0;
			// The first event of a page may be larger than the remaining room.
			if (room < 0) return { events, cursor: (event.id - 1n).toString() };
			const { topic, data } = event;
			const at = timeOf(page!.rows[i]!);
			const shown: HistoryEvent = { id: event.id.toString(), topic, ...carried(data), at };
			// What the page cannot carry, or Postgres does not hand out, is not here.
			if (shape && data !== null && shown.json === undefined) shown.data = shape(shown);
			events.push(shown);
		}
		if (!page?.more) return { events, cursor: (page ? to : position).toString() };
		position = page.last ?? position;
		starts = page.next;
	}
}

/** Returns where the first state begins in each topic. A topic that is named twice begins where it is named last. */
async function placeStarts(
	on: Queryable,
	{ userId, topics }: Parameters<typeof readHistory>[1],
	to: bigint
): Promise<TopicStart[]> {
	const windows: { topic: string; last: number; to: bigint }[] = [];
	for (const { topic, last } of topics) {
		if (last !== undefined) windows.push({ topic, last, to });
	}
	const begins = await readWindowStarts(on, { userId, topics: windows });
	const starts = new Map<string, TopicStart>();
	for (const { topic, after = 0n } of topics) {
		starts.set(topic, { topic, after: later(after, begins.get(topic) ?? 0n) });
	}
	return [...starts.values()];
}

const later = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** The name of a property, and not a text: Postgres prints jsonb with the colon behind it. */
const FORBIDDEN_NAME = /"__proto__"\s*:/;

/**
 * Returns the event's data for the page: a value, or JSON text if the framework would refuse to serialize the value. One
 * such value would fail the whole page.
 */
function carried(data: string | null): Pick<HistoryEvent, 'data' | 'json'> {
	if (data === null) return { data: null };
	if (FORBIDDEN_NAME.test(data) || isDeep(data)) return { data: null, json: data };
	return { data: JSON.parse(data) as unknown };
}

/** @returns true when arrays and objects in the JSON text are nested deeper than {@link MAX_DEPTH} */
function isDeep(text: string): boolean {
	if (text.length <= 2 * MAX_DEPTH) return false;
	let depth = 0;
	let inString = false;
	for (let i = 0; i < text.length; i++) {
		const char = text[i];
		if (inString) {
			if (char === '\\') i++;
			else if (char === '"') inString = false;
		} else if (char === '"') inString = true;
		else if (char === '[' || char === '{') {
			if (++depth > MAX_DEPTH) return true;
		} else if (char === ']' || char === '}') depth--;
	}
	return false;
}

/** A page of a topic's history, newest first. */
export interface HistoryPage {
	events: {
		id: string;
		topic: string;
		/** The data as Postgres prints it. null: the event exists but cannot be sent. */
		json: string | null;
		/** ISO 8601. When ISO 8601 cannot express it, the text that Postgres prints (for example "infinity"). */
		createdAt: string;
	}[];
	/**
	 * Oldest retained id of the topic for this user after the begin of its history, or null. With it, a client knows when it
	 * has reached the last page.
	 */
	oldest: string | null;
}

/**
 * Reads what a user may see of a topic before an id, newest first.
 *
 * @param query.before null: start at the newest event
 * @param query.head as `to` of {@link readHistory}: no later event is shown
 * @param query.after the topic's history begins after this id; default: 0
 */
export async function readHistoryPage(
	on: Queryable,
	query: {
		userId: string;
		topic: string;
		before: bigint | null;
		after?: bigint;
		head?: bigint;
		limit: number;
	}
): Promise<HistoryPage> {
	const { userId, topic, before, after = 0n, head = BigInt(END), limit } = query;
	const newest = (audience: string) =>
		topicRange({
			columns: 'id, topic, user_id, size, data, created_at',
			audience,
			topic: '$4',
			after: '$6',
			to: '$1',
			limit: '$2',
			newestFirst: true
		});
	const to = before === null || before > head ? head : before - 1n;
	const size = new PageSize({ most: limit, bytes: MAX_LENGTH, turn });
	const read = () =>
		readPageOf(on, size, ({ rows, inline }) =>
			on.query<ListedRow & Times>(
				`SELECT ${listed('$3')}, ${TIMES}
				FROM (${newest(EVERYONE)} UNION ALL ${newest('$5')}) AS merged ORDER BY merged.id DESC LIMIT $2::int`,
				[to.toString(), rows, inline, topic, userId, after.toString()]
			)
		);
	const { rows } = await persist(read);
	const oldest = await readOldest(on, { userId, topic, after });
	return {
		events: rows.map((row) => ({
			id: row.id,
			topic: row.topic,
			json: row.data,
			createdAt: timeOf(row)
		})),
		oldest: oldest === null || oldest > head ? null : oldest.toString()
	};
}

/** Tries again when Postgres refuses, until the refused event has been set aside. */
export async function persist<T>(read: () => Promise<T>): Promise<T> {
	for (let attempt = 0; ; attempt++) {
		try {
			return await read();
		} catch (error) {
			if (!(error instanceof EventRefused) || attempt === ATTEMPTS) throw error;
		}
	}
}

/** Returns a page of history as JSON. The data is copied as text: a value may be too deeply nested to serialize again. */
export function historyJson({ events, oldest }: HistoryPage): string {
	return `{"events":[${events.map(eventJson).join(',')}],"oldest":${JSON.stringify(oldest)}}`;
}

/** Returns one event of a page of history as JSON, on one line. */
export const eventJson = ({ id, topic, json, createdAt }: HistoryPage['events'][number]): string =>
	`{"id":"${id}","topic":${JSON.stringify(topic)},"data":${json ?? 'null'},"createdAt":${JSON.stringify(createdAt)}}`;
