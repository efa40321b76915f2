import type { TopicDefinition, TopicRegistry } from '../../protocol/index.ts';
import type { Queryable } from '../database/queryable.ts';
import type { StreamLimits } from '../streams/limits.ts';
import type { ReadSessions } from '../streams/viewer.ts';
import type { Logger } from '../work/logger.ts';

/** What `createLogline` needs to know. */
export interface LoglineOptions {
	/**
	 * Address of the Postgres database (15 or newer): `postgres://user:password@host/name`. Default: the environment variable
	 * `DATABASE_URL`, as it is when `start` is called.
	 */
	url?: string | undefined;
	/**
	 * Schema of the log's tables, so that they do not meet the application's. It is created if it is missing. Default
	 * `public`.
	 */
	schema?: string | undefined;
	/**
	 * False: `start` does not create and upgrade the log's tables, because the application does so with `migrateLog`, for
	 * example in its deployment, by a role that may create tables. Default: true.
	 */
	migrate?: boolean | undefined;
	/** The declared topics: what `defineTopics` returned, one or several of them. */
	topics: TopicRegistry | Record<string, TopicDefinition> | Record<string, TopicDefinition>[];
	/**
	 * True: `start` first stops the Logline that runs in this process. For development: after each edit of a server file,
	 * SvelteKit calls `init` with newly loaded modules and does not end the old ones. Default: false.
	 */
	dev?: boolean | undefined;
	/**
	 * How long retention waits for consumers: an event that is younger is not trimmed while a consumer has not handled it. A
	 * consumer that comes later is told of a gap. In seconds. Default: 7 days.
	 */
	consumerWaitSeconds?: number | undefined;
	/** Limits and times of the streams, see {@link StreamLimits} for the defaults. */
	limits?: Partial<StreamLimits>;
	/** Where log lines go. A pino logger fits. Default: warnings and errors to the console. */
	logger?: Logger;
	/**
	 * Reads when sessions expire. With it, the end of a session is also noticed when its notification was missed, and a
	 * session that was prolonged keeps its streams. Without it, streams end when their session expires, and when
	 * notifications may have been missed. Their clients then come back and are authenticated again.
	 */
	sessions?: ReadSessions;
	/**
	 * Connections of the application to share. Their owner ends them, after `stop`. Their `search_path` must lead to the
	 * log's tables. Default: its own.
	 */
	connections?: { pool: Queryable; background: Queryable };
}
