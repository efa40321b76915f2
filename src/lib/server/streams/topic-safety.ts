import { isWildcard } from '../../protocol/index.ts';

/** A topic that a client asks for. */
export interface RequestedTopic {
	topic: string;
	/** How many times this client has added the topic before. 0 for a bare name. */
	n: number;
	/** True when the client counts its subscriptions: it sent `@n`, even if only `@0`. */
	counted?: boolean;
	/** Id of the last event of the topic that the client handled. 0: it handled none, or did not say. */
	last?: bigint;
}

/** A row of `topic_subscriptions` that belongs to the client. */
export interface SubscriptionRow {
	topic: string;
	n: number;
	/** Position of the subscription in the log. */
	since: bigint;
	/** Every event after this id was owed when the subscription was made. It is the start of its replay window. */
	begin: bigint;
	/** The topic's horizon at that time. Trimming up to this id is no gap for the client. */
	trimmed: bigint;
}

/** What the server knows about a client. */
export interface KnownClient {
	rows: readonly SubscriptionRow[];
	/** Rows of some clients of this session were deleted. A client without rows may be one of them. */
	forgotten?: boolean;
	/** False: the caller answers for its cursor, and has no rows. Default true. */
	recorded?: boolean;
}

/** A subscription to record. */
export interface MissingSubscription extends RequestedTopic {
	/**
	 * Its position in the log. `'origin'`: before the first event, because the scan that follows is complete for it at every
	 * cursor it produces. `'now'`: at the head, marked by a `$subscribed` event.
	 */
	since: 'origin' | 'now';
}

/** What a client is owed per topic, and what must be recorded before it gets it. */
export interface TopicSafety {
	/** Topics for which the cursor is valid. They continue after it. */
	safeTopics: string[];
	/** Topics whose history the client has not received completely. They replay. */
	newTopics: string[];
	/** The new topics whose history starts with this request. For them, events that are already trimmed are not a gap. */
	begun: string[];
	/** Where each topic continues. null: at the start of its history or of its replay window. */
	starts: { topic: string; after: bigint | null }[];
	/** Topics that were already trimmed when the client subscribed, with the horizon of that time. */
	told: Map<string, bigint>;
	/** Requested subscriptions that have no row yet. */
	missing: MissingSubscription[];
	/** The first catch-up must reach at least this id, as far as the rows say. */
	atLeast: bigint;
}

/**
 * Decides for which topics a cursor is valid, and where each topic continues.
 *
 * A topic is safe at cursor c if the client has a row for exactly this subscription (topic, n) and c ≥ `since`. Reason: a
 * client that received an event at or beyond `since` has received the topic's older history before it.
 *
 * Example: a client at cursor 100 adds the topic "chat". `since` becomes 101, the id of a new `$subscribed` event. The
 * server sends the old chat events and keeps the cursor at 100 meanwhile. If the connection drops now, the client returns
 * with cursor 100 < 101: the topic is still new, and its history is sent. If it returns with 101 or more, it has the
 * history.
 *
 * A client that removes a topic and adds it again has another subscription (n + 1). It is new again, even if the request
 * that removed it arrives late or never.
 *
 * A first catch-up that broke off continues after the last event that the client handled, or else at its own start
 * (`begin`). The cursor alone cannot tell that start: events of other topics have moved it.
 *
 * @param cursor null: the client has none
 * @param valid false: this log did not issue the cursor, so it is valid for no topic
 */
export function analyzeTopics(
	{ rows, forgotten = false, recorded = true }: KnownClient,
	requested: readonly RequestedTopic[],
	cursor: bigint | null,
	valid = true
): TopicSafety {
	const safety: TopicSafety = {
		safeTopics: [],
		newTopics: [],
		begun: [],
		starts: [],
		told: new Map(),
		missing: [],
		atLeast: 0n
	};
	const isKnown = ({ topic, n }: RequestedTopic) =>
		rows.find((row) => row.topic === topic && row.n === n);
	// The client has no rows: it starts from a server-rendered cursor, or its rows were deleted, or no request of it has
	// arrived before. In all cases a client that counts has received the history of its first topics (n = 0) up to its cursor,
	// whatever it has added since. For a client that sends bare names, this holds only if all of its topics are first ones and
	// no rows of the session were deleted. A page shows no topics of a wildcard, so a wildcard is never such a topic.
	const isFirst = requested.every(({ n }) => n === 0) && !forgotten;
	const isStart = ({ n, counted = false }: RequestedTopic) =>
		rows.length === 0 && n === 0 && (counted || isFirst);
	for (const wanted of requested) {
		const { topic } = wanted;
		const row = isKnown(wanted);
		const isRendered = isStart(wanted) && !(recorded && isWildcard(topic));
		if (!row) {
			const since = cursor === null || !valid || isRendered ? 'origin' : 'now';
			safety.missing.push({ ...wanted, since });
		}
		if (row && row.trimmed > 0n) safety.told.set(topic, row.trimmed);
		if (cursor === null || !valid) {
			safety.newTopics.push(topic);
			safety.begun.push(topic);
			safety.starts.push({ topic, after: null });
			continue;
		}
		// A last event above the client's cursor belongs to another log.
		const last = wanted.last !== undefined && wanted.last <= cursor ? wanted.last : 0n;
		if (row && row.since > safety.atLeast) safety.atLeast = row.since;
		if (isRendered || (row && cursor >= row.since)) {
			safety.safeTopics.push(topic);
			safety.starts.push({ topic, after: row && last === 0n ? later(cursor, row.begin) : cursor });
		} else {
			safety.newTopics.push(topic);
			if (row) safety.starts.push({ topic, after: later(row.begin, last) });
			else safety.starts.push({ topic, after: last === 0n ? null : last });
			if (!row && last === 0n) safety.begun.push(topic);
		}
	}
	return safety;
}

/** How many rows of topics that are not requested are kept: the request that left them out may be outdated. */
const OTHERS = 64;

/**
 * Selects the rows that a request makes obsolete: all other subscriptions of a topic that is subscribed to anew; smaller n
 * of a requested topic; bare topics that are not requested. Also the oldest rows of topics beyond {@link OTHERS}.
 */
export function obsoleteRows(
	rows: readonly SubscriptionRow[],
	requested: readonly RequestedTopic[]
): RequestedTopic[] {
	const others: SubscriptionRow[] = [];
	const obsolete = rows.filter((row) => {
		const wanted = requested.find(({ topic }) => topic === row.topic);
		if (!wanted) {
			if (row.n > 0) others.push(row);
			return row.n === 0;
		}
		const isKnown = rows.some(({ topic, n }) => topic === wanted.topic && n === wanted.n);
		return isKnown ? row.n < wanted.n : true;
	});
	const oldestLast = others.sort((a, b) => (a.since < b.since ? 1 : -1));
	return [...obsolete, ...oldestLast.slice(OTHERS)];
}

const later = (a: bigint, b: bigint): bigint => (a > b ? a : b);
