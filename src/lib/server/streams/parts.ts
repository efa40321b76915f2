import type { TopicRegistry } from '../../protocol/index.ts';
import type { Queryable } from '../database/queryable.ts';
import type { Hub } from '../delivery/hub.ts';
import type { Presence } from '../delivery/presence/presence.ts';
import type { PageReader } from '../delivery/subscription.ts';
import type { Writer } from '../log/append.ts';
import type { Logger } from '../work/logger.ts';
import type { Trouble } from '../work/trouble.ts';
import type { ReadClientState } from './client.ts';
import type { StreamLimits } from './limits.ts';
import type { MarkerFeed } from './marker-feed.ts';
import type { ReadSessions } from './viewer.ts';

/** The parts that streams need. */
export interface StreamParts {
	limits: StreamLimits;
	logger: Logger;
	topics: TopicRegistry;
	hub: Hub;
	presence: Presence;
	writer: Writer;
	/** For the subscriptions of clients. */
	pool: Queryable;
	/** For statements that no request waits for. */
	background: Queryable;
	/** For history. Few connections with their own queue. */
	history: Queryable;
	/** Reads what the database knows of a client. Clients that come at the same moment share a statement. */
	readClient: ReadClientState;
	/** Reads which of some topics have ended: topic → id of its end. Requests of the same moment share a statement. */
	readEnded: (topics: readonly string[]) => Promise<ReadonlyMap<string, bigint>>;
	/** Reads a page of history. One function for all streams, so that it keeps no stream in memory. */
	readPage: PageReader;
	/** Tells streams how far their users have read. */
	markers: MarkerFeed;
	/** Reports that grants cannot be read. Shared: an outage is logged once, not once for each stream. */
	grantsTrouble: Trouble;
	/** Told of errors that end a stream. One function for all streams. */
	onStreamError: (error: unknown) => void;
	/** Absent: a session is known to be over when it expires, or when its end is told. */
	readSessions?: ReadSessions | undefined;
}
