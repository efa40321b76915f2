import {
	CONTROL,
	type Denied,
	type Ended,
	type Gap,
	type Subscribed,
	type Viewer
} from '../../protocol/index.ts';
import type { Feed } from '../delivery/presence/feed.ts';
import { Subscriber } from '../delivery/subscriber.ts';
import type { ChangingTopics } from '../delivery/subscription.ts';
import type { TopicStart } from '../log/read.ts';
import { encoder } from '../sse/frames.ts';
import type { SSEBody } from '../sse/body.ts';
import { produceSSE } from '../sse/produce-sse.ts';
import type { Connection } from './connection.ts';
import type { Connections } from './connections.ts';
import type { StreamParts } from './parts.ts';
import { oldestOfTrim } from './starts.ts';

/** A replay that then goes live. */
export interface ReplayRequest {
	viewer: Viewer;
	starts: readonly TopicStart[];
	/** Topics whose history begins with this replay. */
	newTopics?: readonly string[];
	/** How far topics were already trimmed when the client subscribed to them. */
	told?: ReadonlyMap<string, bigint>;
	/** Cursor of the client. 0: none. */
	cursor: bigint;
	atLeast: bigint;
	gaps?: readonly Gap[];
	/** Requested topics that are not carried. */
	denied?: readonly Denied[];
	/** Topics that wildcards brought. */
	subscribed?: readonly Subscribed[];
	/** Topics that begin behind their end. */
	ended?: readonly Ended[];
	/** Present when the topics depend on grants. */
	changing?: ChangingTopics | undefined;
	/** Requested names whose topics are signals, sent in `caught-up`. */
	signals?: readonly string[];
	/** The presence of the stream. null: it asks for none. */
	feed?: Feed | null;
	/** False: the viewer has no read markers to be told. Default true. */
	hasMarkers?: boolean;
	/** Epoch, sent in `caught-up`. */
	log: string;
}

/**
 * Sends a connection every event it is owed, and then live events, at the speed of its socket. Errors end the connection and
 * are logged.
 */
export function replayMissedMessages(
	{ hub, logger, limits, history, readPage }: StreamParts,
	connection: SSEBody,
	replay: ReplayRequest
): Subscriber {
	const failed = (error: unknown) => {
		logger.error({ err: error }, 'a replay failed; the client will come back');
		subscriber.end();
	};
	const subscriber = new Subscriber(
		{
			hub,
			read: readPage,
			oldest: (query) => oldestOfTrim(history, query),
			encoder,
			sink: connection,
			limits
		},
		{ ...replay, userId: replay.viewer.id }
	);
	subscriber.onFailure = failed;
	void subscriber.run().catch(failed);
	return subscriber;
}

/**
 * Returns the response of a connection, and begins to feed it.
 *
 * @throws LoglineError the reason why the connection has ended meanwhile
 */
export function produceStream(
	parts: StreamParts,
	connections: Connections,
	connection: Connection,
	replay: ReplayRequest
): Response {
	if (connection.refusal) throw connection.refusal;
	const { retryMs, bufferBytes } = parts.limits;
	return produceSSE(
		(_emit, sink) => {
			const subscriber = replayMissedMessages(parts, sink, replay);
			connections.open(connection, { subscriber, sink });
			replay.feed?.begin(sink, encoder);
			return endOf(subscriber, parts.markers.add(replay, subscriber), replay.feed);
		},
		{
			retryMs,
			// The timer of `connections` sends keep-alives to all streams of the log, with their position.
			keepAliveMs: 0,
			bufferBytes,
			onError: parts.onStreamError
		}
	);
}

/** A separate function, so that an open stream does not keep its request in memory. */
const endOf =
	(subscriber: Subscriber, leave: () => void, feed: Feed | null = null) =>
	() => {
		leave();
		feed?.end();
		subscriber.end();
	};

/**
 * Responds to a client that has events of a user who is not signed in here any more. An EventSource cannot read a status:
 * after an error, it would keep trying. Or it would mix the events of the new user with the old ones. So the client gets a
 * stream with `signed-out`.
 */
export function signedOutStream({ limits, onStreamError }: StreamParts, reason: string): Response {
	return produceSSE(
		(_emit, connection) => {
			connection.write(encoder.control(CONTROL.signedOut, { reason }));
			connection.end();
		},
		{ retryMs: limits.retryMs, keepAliveMs: 0, onError: onStreamError }
	);
}
