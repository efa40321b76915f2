import { randomUUID } from 'node:crypto';
import {
	CONTROL,
	LoglineError,
	type Denied,
	type Ended,
	type Gap,
	type PayloadOf,
	type SSETopicsMap,
	type Topic,
	type TopicRegistry
} from '../../protocol/index.ts';
import type { TodaysShape } from '../log/upcast.ts';
import { readBlocks } from '../sse/read-blocks.ts';
import { isSignal } from './carried.ts';
import type { StreamAsked } from './open.ts';
import {
	requireViewer,
	type Authenticate,
	type ReadSessions,
	type SignedInViewer
} from './viewer.ts';

/** What a watch is asked for. */
export interface WatchOptions {
	/** Whose events. The watch ends with the viewer's session. */
	viewer: SignedInViewer;
	/**
	 * Only events after this id: the cursor that `read` returned, or the greatest id of an earlier watch. Absent: the
	 * whole history comes first.
	 */
	after?: string | undefined;
	/** Ends the watch. */
	signal?: AbortSignal | undefined;
	/** History that was asked for is no longer there. */
	onGap?: ((gap: Gap) => void) | undefined;
	/** The viewer may not or no longer see a topic. The others go on. */
	onDenied?: ((denied: Denied) => void) | undefined;
	/** A topic accepts no more events, and all of them have been yielded. The others go on. */
	onEnded?: ((ended: Ended) => void) | undefined;
	/** Everything up to now has been yielded; what follows is live. */
	onCaughtUp?: (() => void) | undefined;
}

/** An event, as a watch yields it. */
export type WatchedEvent<K extends Topic> = {
	[P in K]: {
		id: string;
		/** Of a wildcard: the topic that it brought. */
		topic: P extends `${string}*${string}` ? string : P;
		/** In today's shape, if the topic declares `upcast`. */
		data: PayloadOf<P, SSETopicsMap>;
	};
}[K];

/** What a watch needs. */
export interface WatchParts {
	/** Opens a stream. */
	open: (asked: StreamAsked, authenticate: Authenticate) => Promise<Response>;
	topics: TopicRegistry;
	shape: TodaysShape;
	readSessions?: ReadSessions | undefined;
}

/**
 * Yields events for a part of the server, by the rules of a stream: it *is* one, with its place in the limits, and this
 * function is its client. A slow loop costs no memory: the stream then reads on from the log.
 *
 * @throws LoglineError `invalid_topics`: one is of signals, which are not in the log; `unauthorized` (401): the session has ended; `watch_ended` (503): the server shuts down, or the stream
 *   has reached its maximum age. Begin again after the greatest id. Also what opening a stream throws.
 */
export async function* watch<K extends Topic>(
	{ open, topics: registry, shape, readSessions }: WatchParts,
	topics: readonly K[],
	options: WatchOptions
): AsyncGenerator<WatchedEvent<K>, void, void> {
	const { viewer, after, signal, onGap, onDenied, onEnded, onCaughtUp } = options;
	const ofSignals = topics.find((topic) => isSignal(registry, topic));
	if (ofSignals !== undefined) {
		throw new LoglineError(
			'invalid_topics',
			`"${ofSignals}" is a topic of signals. They are not in the log, and a watch yields events of the log only. Leave it out; a browser gets signals through its stream.`
		);
	}
	requireViewer(viewer);
	if (signal?.aborted) return;
	const searchParams = new URLSearchParams({ client: `watch-${randomUUID()}` });
	for (const topic of topics) searchParams.append('topics', topic);
	if (after !== undefined && after !== '0') searchParams.append('lastEventID', after);
	const asked = { searchParams, headers: new Headers(), session: viewer.session };
	const response = await open({ ...asked, recorded: false, gone: signal }, async () => {
		// The session may have ended while its user was looked up, before this stream had a place to be told.
		const alive = await readSessions?.([viewer.session]);
		return !alive || alive.has(viewer.session) ? viewer : null;
	});
	const reader = response.body!.getReader();
	const cancel = () => void reader.cancel();
	signal?.addEventListener('abort', cancel, { once: true });
	// It may have been aborted while the stream opened.
	if (signal?.aborted) cancel();
	try {
		for await (const { id, event, data } of readBlocks(reader)) {
			if (event === null || event === CONTROL.keepAlive || event === CONTROL.subscribed) continue;
			if (event === CONTROL.gap) onGap?.(JSON.parse(data) as Gap);
			else if (event === CONTROL.denied) onDenied?.(JSON.parse(data) as Denied);
			else if (event === CONTROL.ended) onEnded?.(JSON.parse(data) as Ended);
			else if (event === CONTROL.caughtUp) onCaughtUp?.();
			else if (event === CONTROL.signedOut) {
				throw new LoglineError(
					'unauthorized',
					(JSON.parse(data) as { reason: string }).reason,
					401
				);
			} else if (event === CONTROL.timeout) break;
			else if (id !== null) {
				const stored = { id, topic: event, data: JSON.parse(data) as unknown };
				yield { ...stored, data: shape(stored) } as WatchedEvent<K>;
			}
		}
		if (signal?.aborted) return;
		throw new LoglineError(
			'watch_ended',
			'The server shuts down, or the watch has reached its maximum age. Begin again after the greatest id.',
			503,
			1
		);
	} finally {
		signal?.removeEventListener('abort', cancel);
		await reader.cancel();
	}
}
