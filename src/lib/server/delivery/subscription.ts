import type { Gap } from '../../protocol/index.ts';
import type { Page } from '../log/page.ts';
import type { PageSize } from '../log/page-size.ts';

/** Reads from the log what a user may see. The reader retries passing errors itself, so a rejection is final. */
export type PageReader = (query: {
	userId: string;
	starts: readonly { topic: string; after: bigint }[];
	to: bigint;
	size: PageSize;
	signal: AbortSignal;
}) => Promise<
	Page & {
		/** How far each topic was trimmed for the user. Read after the events. */
		horizons: ReadonlyMap<string, bigint>;
	}
>;

/** Reads the oldest event after `after` that a `gap` names, for a topic that was trimmed up to `horizon`. */
export type OldestReader = (query: {
	userId: string;
	topic: string;
	after: bigint;
	horizon: bigint;
}) => Promise<bigint | null>;

/** What a subscriber must deliver. */
export interface Subscription {
	userId: string;
	/** Where each topic begins: every event after `after` is owed. */
	starts: readonly { topic: string; after: bigint }[];
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
	/** Epoch of the log, sent in `caught-up`. */
	log: string;
}

/** Bounds, in bytes. */
export interface SubscriberLimits {
	/** A live subscriber with more unsent bytes than this goes back to reading from the log. */
	bufferBytes: number;
}
