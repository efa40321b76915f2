import type { TopicStart } from '../log/read.ts';

/** A topic as a client asks for it. */
export interface RequestedTopic {
	topic: string;
	/** How often this client has added the topic; 0 for a bare name. */
	n: number;
}

/** A row of `topic_subscriptions`, of the client that asks. */
export interface SubscriptionRow extends RequestedTopic {
	since: bigint;
}

/** What a client is owed per topic, and what must be recorded before it gets it. */
export interface TopicSafety {
	/** Topics whose cursor holds: they continue after it. */
	safeTopics: string[];
	/** Topics whose history the client has not had: they replay. */
	newTopics: string[];
	/** Subscriptions without a row. */
	missing: RequestedTopic[];
	/**
	 * Where the missing subscriptions stand in the log. `'origin'`: before its first event, because the scan that follows
	 * is complete for them from any cursor that it yields. `'now'`: at the head, marked by an event of their own.
	 */
	since: 'origin' | 'now';
	/** Least id that the first catch-up must reach, as far as the rows tell. */
	atLeast: bigint;
}

/**
 * Decides which topics a cursor speaks for.
 *
 * A topic is safe at cursor c iff the client has a row for exactly this subscription (topic, n) and c ≥ since: whoever
 * received something at or beyond `since` has received the topic's history before it. A topic that was forgotten and added
 * again is another subscription, so it is new, whichever request arrived first or never.
 *
 * @param cursor null: the client has none
 * @param valid false: the cursor was not issued by this log, so it speaks for nothing
 */
export function analyzeTopics(
	rows: readonly SubscriptionRow[],
	requested: readonly RequestedTopic[],
	cursor: bigint | null,
	valid = true
): TopicSafety {
	const find = ({ topic, n }: RequestedTopic) =>
		rows.find((row) => row.topic === topic && row.n === n);
	const missing = requested.filter((wanted) => !find(wanted));
	const names = requested.map(({ topic }) => topic);

	if (cursor === null || !valid) {
		return { safeTopics: [], newTopics: names, missing, since: 'origin', atLeast: 0n };
	}
	if (rows.length === 0 && requested.every(({ n }) => n === 0)) {
		// A server-rendered start: the page already shows what comes before the cursor.
		return { safeTopics: names, newTopics: [], missing, since: 'origin', atLeast: 0n };
	}
	const safeTopics: string[] = [];
	const newTopics: string[] = [];
	let atLeast = 0n;
	for (const wanted of requested) {
		const row = find(wanted);
		if (row && cursor >= row.since) safeTopics.push(wanted.topic);
		else newTopics.push(wanted.topic);
		if (row && row.since > atLeast) atLeast = row.since;
	}
	return { safeTopics, newTopics, missing, since: 'now', atLeast };
}

/** Rows that a request makes useless: bare topics it no longer names, and earlier subscriptions of topics it names. */
export function obsoleteRows(
	rows: readonly SubscriptionRow[],
	requested: readonly RequestedTopic[]
): RequestedTopic[] {
	return rows.filter((row) => {
		const wanted = requested.find(({ topic }) => topic === row.topic);
		return wanted ? row.n < wanted.n : row.n === 0;
	});
}

/** Places each topic: safe ones at the cursor, new ones where their history begins. */
export function placeTopics(
	safety: Pick<TopicSafety, 'safeTopics' | 'newTopics'>,
	cursor: bigint,
	historyStart: (topic: string) => bigint
): TopicStart[] {
	return [
		...safety.safeTopics.map((topic) => ({ topic, after: cursor })),
		...safety.newTopics.map((topic) => ({ topic, after: historyStart(topic) }))
	];
}
