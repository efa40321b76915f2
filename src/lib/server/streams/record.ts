import type { Viewer } from '../../protocol/index.ts';
import {
	evictClients,
	readSubscriptions,
	writeSubscriptions,
	type ClientName
} from './subscriptions.ts';
import {
	analyzeTopics,
	obsoleteRows,
	type KnownClient,
	type RequestedTopic,
	type TopicSafety
} from './topic-safety.ts';
import { encodeEvent } from '../log/accept.ts';
import type { TopicStart } from '../log/read.ts';
import type { StreamParts } from './parts.ts';

/** Topic of the log's own events that mark the position of a subscription. */
const SUBSCRIBED = '$subscribed';

/** How many clients of a session are remembered. More when a user may have more streams. */
const CLIENTS = 100;

/** Asks for which of a client's topics its cursor is valid. */
export interface TopicSafetyRequest extends ClientName {
	topics: readonly RequestedTopic[];
	cursor: bigint | null;
	/** False: this log did not issue the cursor. */
	valid?: boolean;
	/** What is known of the client, if it has been read already. */
	client?: KnownClient;
}

/** The subscriptions of a client to record. */
export interface TopicSubscriptionRequest extends ClientName {
	viewer: Viewer;
	topics: readonly RequestedTopic[];
	safety: TopicSafety;
	/** Where its topics begin, if not at the beginning of their history. */
	starts?: readonly TopicStart[];
	client?: KnownClient;
}

/** Decides which topics continue after the cursor and which ones replay their history. */
export async function analyzeTopicSafety(
	{ pool }: Pick<StreamParts, 'pool'>,
	request: TopicSafetyRequest
): Promise<TopicSafety> {
	const client = request.client ?? { rows: await readSubscriptions(pool, request) };
	return analyzeTopics(client, request.topics, request.cursor, request.valid);
}

/**
 * Records the subscriptions of a client and their position in the log. For new subscriptions of a client with a cursor, it
 * appends a `$subscribed` event, whose id is the position.
 *
 * @param open clients of the session that have a connection
 * @returns id that the first catch-up must reach
 */
export async function setTopicSubscription(
	{ pool, writer, limits }: Pick<StreamParts, 'pool' | 'writer' | 'limits'>,
	request: TopicSubscriptionRequest,
	open: readonly string[]
): Promise<bigint> {
	const { safety, viewer, topics, sessionID, clientID } = request;
	const rows = request.client?.rows ?? (await readSubscriptions(pool, request));
	const remove = obsoleteRows(rows, topics);
	if (safety.missing.length === 0 && remove.length === 0) return 0n;
	let since = 0n;
	const marked = safety.missing.filter((missing) => missing.since === 'now');
	if (marked.length > 0) {
		const marker = encodeEvent({
			topic: SUBSCRIBED,
			userId: viewer.id,
			data: {
				client: clientID,
				topics: marked.map(({ topic, n }) => ({ topic, n }))
			}
		});
		const [appended] = await writer.append([marker]);
		since = BigInt(appended!.id);
	}
	const beginOf = (topic: string) =>
		// For a server-rendered page, use 0: the page shows all events before its cursor. A cached page has an older cursor,
		// and no event after that may be skipped.
		safety.safeTopics.includes(topic)
			? 0n
			: (request.starts?.find((start) => start.topic === topic)?.after ?? 0n);
	const add = safety.missing.map((missing) => ({
		...missing,
		since: missing.since === 'now' ? since : 0n,
		begin: beginOf(missing.topic),
		begun: safety.begun.includes(missing.topic)
	}));
	const client = { sessionID, clientID, userId: viewer.id };
	await writeSubscriptions(pool, client, { add, remove });
	if (rows.length === 0) {
		const keep = Math.max(CLIENTS, 2 * limits.maxConnectionsPerUser);
		await evictClients(pool, client, { keep, open });
	}
	return since;
}
