import type { Params, PayloadOf, SSETopicsMap, Topic } from '../../../protocol/index.ts';
import type { Transaction } from '../types.ts';

/** An event as a consumer's handler gets it, of any user. */
export type ConsumedEvent<K extends Topic> = {
	[P in K]: {
		/** Decimal. Greater than those of all earlier events. */
		id: string;
		topic: P extends `${string}${'*' | '['}${string}` ? string : P;
		/** Parameters of the topic's pattern: `{ room: '42' }` for `rooms/[room]/messages`. */
		params: Params;
		/** The user who alone may see it; null: everyone who may see the topic. */
		userID: string | null;
		/** null when Postgres does not hand out the data. */
		data: PayloadOf<P, SSETopicsMap>;
		/** When it was written. ISO 8601; or the text that Postgres prints, for times that ISO 8601 cannot express. */
		at: string;
	};
}[K];

/** Events after `after` were trimmed, or lost with a log that was replaced, before the consumer has read them. */
export interface ConsumerGap {
	/** The topic or wildcard, as it is stored in `consumers`. */
	topic: string;
	/** Id up to which the consumer had read. */
	after: string;
	/** Id of the next event of the topic that is still there; null: none is near. */
	oldest: string | null;
}

/** Does the work of an event. What it writes with `tx` is committed together with the consumer's position. */
export type ConsumerHandler<K extends Topic, Tx extends Transaction> = (
	event: ConsumedEvent<K>,
	tx: Tx
) => unknown;

/** A handler, as the consumer calls it. */
export type EventHandler<Tx extends Transaction> = (event: Event, tx: Tx) => unknown;

/** Options of `Logline.consume`. Times in milliseconds. */
export interface ConsumeOptions<Tx extends Transaction> {
	/**
	 * Runs work in a transaction of the application's client: `(work) => db.transaction(work)` with drizzle, `(work) =>
	 * sql.begin(work)` with postgres.js. It must commit when the work resolves, roll back when it rejects, and settle only
	 * then: when it resolves before its work has ended, the consumer fails (`invalid_consumer`), and no attempt counts. Its
	 * role may write the tables `consumers`, `consumer_failures` and `dead_letters` of the log.
	 */
	transaction: (work: (tx: Tx) => Promise<void>) => Promise<unknown>;
	/**
	 * Where a consumer begins that has no position yet. `'now'`: with the events that are emitted after the call of `consume`,
	 * or after `start`; one that was emitted just before it may come, too. Default `'beginning'`.
	 */
	from?: 'beginning' | 'now' | undefined;
	/**
	 * How long a handler may take. After it, its transaction is rolled back, `tx` refuses further statements, and the event
	 * counts as failed. The transaction's `idle_in_transaction_session_timeout` and `statement_timeout` follow from it.
	 * Default 30,000.
	 */
	timeoutMs?: number | undefined;
	/** How often an event is tried before it goes to `dead_letters`. Default 13: with the default `backOffMs`, for an hour. */
	attempts?: number | undefined;
	/** Pause between the first and the second attempt; it doubles with each further one. Default 1000. */
	backOffMs?: number | undefined;
	/**
	 * Told before the consumer goes on behind a gap, at least once. If it rejects, the consumer waits and tells it again.
	 * Default: a warning in the log.
	 */
	onGap?: ((gap: ConsumerGap) => unknown) | undefined;
}

/** A running consumer. */
export interface Consumer {
	readonly name: string;
	/** True when its last round failed: mostly because the database is away. A handler that fails does not count. */
	readonly failing: boolean;
	/** How many ids the log was ahead at the last look. For events, see the view `logline_consumers`. */
	readonly lag: number;
	/** Ends it: the handler that runs may finish within the grace of `stop`, else its transaction is rolled back. */
	stop(): Promise<void>;
}

/** An event with what the consumer's statements need. */
export interface Event {
	id: bigint;
	topic: string;
	/** False: Postgres does not hand its data out. */
	hasData: boolean;
	/** What the handler gets. */
	given: ConsumedEvent<Topic>;
}

/** A row of `consumers`, as it was read. */
export interface Seen {
	topic: string;
	position: bigint;
}
