/** The server API for routes. Each function uses the application of this process (`getApp()`). */
import type { SSETopicsMap, Topic } from '../protocol/index.ts';
import { getApp } from './app.ts';
import type { Appended, Transaction } from './log/types.ts';
import type { SSEConnection } from './sse/produce-sse.ts';
import type { TopicSafetyRequest } from './streams/record.ts';
import type { ReplayRequest } from './streams/streams.ts';

export { getApp, type App, type StartFeature } from './app.ts';
export * from './sse/produce-sse.ts';
export type { TopicSafetyRequest } from './streams/record.ts';
export type { ReplayRequest } from './streams/streams.ts';
export type { Appended, NewEvent, Transaction } from './log/types.ts';

/** One event for the log. */
export interface HistoryEmitOptions<K extends Topic> {
	event: K;
	data: SSETopicsMap[K];
	/**
	 * At most 200 characters. If the key was ever used before, nothing is added, and the id of the first event is returned.
	 */
	key?: string;
}

/**
 * Returns an emitter of durable events. Each event is a committed row of the log before the promise resolves. It reaches
 * every client that may see it and is subscribed, whether connected now or later.
 *
 * @param options.userID the user who may see the events; absent: everyone who may subscribe to the topic
 * @param options.tx an open drizzle transaction: the events become visible after its commit. The promise resolves with
 *   nothing, because the ids are assigned later.
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

/** Sends a connection the events it is owed and then live events, at the speed of its socket. See {@link Streams}. */
export const replayMissedMessages = (connection: SSEConnection, replay: ReplayRequest) =>
	getApp().streams.replayMissedMessages(connection, replay);

/** Decides which topics continue after a client's cursor and which ones replay their history. */
export const analyzeTopicSafety = (request: TopicSafetyRequest) =>
	getApp().streams.analyzeTopicSafety(request);

/** Records the subscriptions of a client and their position in the log. */
export const setTopicSubscription = (
	...request: Parameters<ReturnType<typeof getApp>['streams']['setTopicSubscription']>
) => getApp().streams.setTopicSubscription(...request);
