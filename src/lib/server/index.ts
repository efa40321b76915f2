/** The server API. */
import { LoglineError, type PayloadOf, type SSETopicsMap, type Topic } from '../protocol/index.ts';
import type { Appended, Producer, Transaction } from './log/types.ts';
import { running } from './logline/running.ts';
import type { SSEBody } from './sse/body.ts';
import * as record from './streams/record.ts';
import * as stream from './streams/stream.ts';

export { createLogline } from './logline/logline.ts';
export type {
	EmittedEvent,
	FirstState,
	GrantOptions,
	Handle,
	Logline,
	ReadEvent,
	SentSignal,
	StreamHandler
} from './logline/api.ts';
export type { Personal } from './logline/personal.ts';
export type { Reading } from './logline/reading.ts';
export type { ExploredEvent, ExploredPage, Exploring } from './logline/exploring.ts';
export type { ExploreFilter, ValueAt } from './log/explore/filter.ts';
export type { Counts, FoundEvent } from './log/explore/read-search.ts';
export type { Gate } from './log/explore/explained.ts';
export type { LoglineOptions } from './logline/options.ts';
export { migrateLog, type LogSchema } from './schema/migrate-log.ts';
export type { Health } from './logline/health.ts';
export type { StreamLimits } from './streams/limits.ts';
export type { StreamAsked } from './streams/open.ts';
export type { Authenticate, ReadSessions, SignedInViewer } from './streams/viewer.ts';
export type { WatchedEvent, WatchOptions } from './streams/watch.ts';
export { UserRate, type UserRateOptions } from './streams/user-rate.ts';
export { errorResponse, failureOf, refusalHeaders } from './streams/refusal.ts';
export { checkEvents, type CheckedEvents, type Misfit } from './log/check-events.ts';
export type {
	ConsumedEvent,
	Consumer,
	ConsumeOptions,
	ConsumerGap,
	ConsumerHandler
} from './log/consumers/types.ts';
export { historyJson, type HistoryPage } from './log/history.ts';
export type { SSEBody } from './sse/body.ts';
export * from './sse/produce-sse.ts';
export { sendStream, bindToSocket } from './sse/node-outlet.ts';
export type { Appended, NewEvent, Producer, Transaction } from './log/types.ts';
export type { TopicSafetyRequest, TopicSubscriptionRequest } from './streams/record.ts';
export type { ReplayRequest } from './streams/stream.ts';
export type { Queryable } from './database/queryable.ts';
export type { Logger } from './work/logger.ts';
export { applyMigrations, type Migrated, type Migration } from './schema/ledger.ts';
export { migrateLogOn } from './schema/migrate-log.ts';
export { whileMigrating } from './schema/migrating.ts';
export { sharedRead } from './work/shared-read.ts';
export { startLoop, type Loop } from './work/loop.ts';
export { stopInOrder, type Step } from './work/stop-in-order.ts';

/** One event for the log. */
export interface HistoryEmitOptions<K extends Topic> {
	event: K;
	data: PayloadOf<K, SSETopicsMap>;
	/**
	 * At most 200 characters. If the key was ever used before, nothing is added, and the id of the first event is returned. It
	 * is kept for ever, also when its event is deleted with a user: make it of ids, not of texts.
	 */
	key?: string;
	/** Who writes, when writers follow each other. See {@link Producer}. */
	producer?: Producer;
}

/**
 * Returns an emitter of durable events of the Logline that runs in this process. Each event is a committed row of the log
 * before the promise resolves. It reaches every client that may see it and is subscribed, whether connected now or later.
 *
 * @param options.userID the user who may see the events; absent: everyone who may subscribe to the topic
 * @param options.tx an open transaction: the events become visible after its commit. The promise resolves with nothing,
 *   because the ids are assigned later.
 * @throws LoglineError `invalid_options`: an option has another name. What was meant for one user would go to everyone.
 * @throws (the emitter) as `Logline.emit`
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
	const other = Object.keys(options).find((name) => name !== 'userID' && name !== 'tx');
	if (other !== undefined) {
		throw new LoglineError(
			'invalid_options',
			`createEmitWithHistory takes \`userID\` and \`tx\`, not "${other}". Without \`userID\`, an event is for everyone who may see its topic.`
		);
	}
	const { userID = null, tx } = options;
	return async (event) =>
		tx ? running().emit({ ...event, userID }, tx) : running().emit({ ...event, userID });
}

/** Sends a connection the events it is owed and then live events, at the speed of its socket. */
export const replayMissedMessages = (connection: SSEBody, replay: stream.ReplayRequest) =>
	stream.replayMissedMessages(running().parts, connection, replay);

/** Decides which topics continue after a client's cursor and which ones replay their history. */
export const analyzeTopicSafety = (request: record.TopicSafetyRequest) =>
	record.analyzeTopicSafety(running().parts, request);

/** Records the subscriptions of a client and their position in the log. */
export const setTopicSubscription = (request: record.TopicSubscriptionRequest) => {
	const { parts } = running();
	const open = parts.streams.connections.clientsOf(request.sessionID);
	return record.setTopicSubscription(parts, request, open);
};
