/**
 * The server API: what routes are made of. Each function works on the application of this process (`getApp()`).
 */
import type { SSETopicsMap, Topic } from '$lib/protocol';
import { getApp } from './app.ts';
import type { Appended, Transaction } from './log/types.ts';
import type { SSEConnection } from './sse/produce-sse.ts';
import type { ReplayRequest, TopicSafetyRequest } from './streams.ts';

export { getApp, type App, type StartFeature } from './app.ts';
export * from './sse/produce-sse.ts';
export type { ReplayRequest, TopicSafetyRequest } from './streams.ts';
export type { Appended, NewEvent, Transaction } from './log/types.ts';

/** One event for the log. */
export interface HistoryEmitOptions<K extends Topic> {
	event: K;
	data: SSETopicsMap[K];
	/** The same key, ever again, adds nothing and answers the first event's id. At most 200 characters. */
	key?: string;
}

/**
 * Returns an emitter whose events are durable: each is a row of the log before the promise resolves, and reaches every
 * client that is entitled to it, connected now or later.
 *
 * @param options.userID who may see the events; absent: everyone who may subscribe to the topic
 * @param options.tx an open drizzle transaction: the events become visible with its commit, and the promise resolves with
 *   nothing, because ids are given later
 * @throws (the emitter) LoglineError `unknown_topic`, `invalid_data`, `log_busy`, `append_timeout`
 */
export function createEmitWithHistory(options: {
	userID?: string | null;
	tx: Transaction;
}): <K extends Topic>(event: HistoryEmitOptions<K>) => Promise<void>;
export function createEmitWithHistory(options?: {
	userID?: string | null;
}): <K extends Topic>(event: HistoryEmitOptions<K>) => Promise<Appended>;
export function createEmitWithHistory(
	options: { userID?: string | null; tx?: Transaction } = {}
): <K extends Topic>(event: HistoryEmitOptions<K>) => Promise<Appended | void> {
	return async ({ event, data, key }) => {
		const events = [{ topic: event, data, key, userId: options.userID ?? null }];
		if (options.tx) return getApp().append(events, options.tx);
		const [appended] = await getApp().append(events);
		return appended!;
	};
}

/** Sends a connection what it is owed and then what comes, at the pace of its socket. See {@link Streams}. */
export const replayMissedMessages = (connection: SSEConnection, replay: ReplayRequest) =>
	getApp().streams.replayMissedMessages(connection, replay);

/** Decides which topics continue after a client's cursor and which replay their history. */
export const analyzeTopicSafety = (request: TopicSafetyRequest) =>
	getApp().streams.analyzeTopicSafety(request);

/** Records what a client subscribes to, and where in the log that stands. */
export const setTopicSubscription = (
	...request: Parameters<ReturnType<typeof getApp>['streams']['setTopicSubscription']>
) => getApp().streams.setTopicSubscription(...request);
