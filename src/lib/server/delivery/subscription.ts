import type { Denied, Ended, Gap, Subscribed } from '../../protocol/index.ts';
import type { Edges } from '../log/horizons.ts';
import type { Page } from '../log/page.ts';
import type { PageSize } from '../log/page-size.ts';

/** Where a topic begins: every event after `after` is owed. */
export interface Start {
	topic: string;
	after: bigint;
}

/** Reads from the log what a user may see. The reader retries passing errors itself, so a rejection is final. */
export type PageReader = (query: {
	userId: string;
	starts: readonly Start[];
	to: bigint;
	size: PageSize;
	signal: AbortSignal;
}) => Promise<Page & Readonly<Edges>>;

/** Reads the oldest event after `after` that a `gap` names, for a topic that was trimmed up to `horizon`. */
export type OldestReader = (query: {
	userId: string;
	topic: string;
	after: bigint;
	horizon: bigint;
}) => Promise<bigint | null>;

/** A change of the topics of a stream. */
export interface TopicChange {
	/** Topics that end. One that also begins is another subscription: the client forgets what it had of it. */
	denied: readonly Denied[];
	/** Topics that a wildcard has brought. */
	subscribed: readonly Subscribed[];
	/** Topics that begin behind their end. */
	ended: readonly Ended[];
	/** Where the topics begin that are new. */
	begun: readonly Start[];
	/** The replay must reach at least this id before the change counts as done. */
	atLeast: bigint;
}

/** The topics of a stream that depend on grants. */
export interface ChangingTopics {
	/**
	 * How far the stream may go with the topics that were read last: to before the first batch that may have changed them. 0: a
	 * grant has ended, so nothing more may be sent, not even earlier events. null: the topics have not changed. Every batch of
	 * the hub is considered before it is delivered.
	 */
	readonly knownUpTo: bigint | null;
	/** The newest event about grants that is considered in them. The hub may not have seen it. */
	readonly position: bigint;
	/** Called when a batch may change the topics, with the position of the live subscribers before it. */
	onChange: (before: bigint) => void;
	/**
	 * Reads what the stream carries now. Tries again while the database is away.
	 *
	 * @returns what has changed; null when `signal` has aborted
	 */
	next(signal: AbortSignal): Promise<TopicChange | null>;
	/** Ends the watching. */
	end(): void;
}

/** What a subscriber must deliver. */
export interface Subscription {
	userId: string;
	starts: readonly Start[];
	/** Cursor of the client. 0: it has none. */
	cursor: bigint;
	/** The replay must reach at least this id before the client gets `caught-up`. */
	atLeast: bigint;
	/**
	 * Topics whose history starts with this request. The client never had any of it, so events that are already trimmed are
	 * not reported as a gap. Example: of 100 events, retention kept 50. A new client gets these 50 and no `gap`.
	 */
	newTopics?: readonly string[];
	/**
	 * How far each topic was already trimmed when the client subscribed to it. Trimming up to this id is not reported as a
	 * gap.
	 */
	told?: ReadonlyMap<string, bigint>;
	/** Gaps to send before the history of the topics. */
	gaps?: readonly Gap[];
	/** Topics that are not carried, to be told first. */
	denied?: readonly Denied[];
	/** Topics that wildcards brought. Told before their events. */
	subscribed?: readonly Subscribed[];
	/** Topics that begin behind their end: there is nothing of them to send. */
	ended?: readonly Ended[];
	/** Present when the topics can change. The subscriber ends it. */
	changing?: ChangingTopics | undefined;
	/** Requested names whose topics are signals, sent in `caught-up`. */
	signals?: readonly string[] | undefined;
	/** Epoch of the log, sent in `caught-up`. */
	log: string;
}

/** Bounds, in bytes. */
export interface SubscriberLimits {
	/** A live subscriber with more unsent bytes than this goes back to reading from the log. */
	bufferBytes: number;
}
