/**
 * The log's own tables: what is written, and who may see it. How far people and programs have read is in
 * log-readers.server.ts, who is present in log-presence.server.ts. They refer to no table of the app. The descriptions that psql shows (`COMMENT ON`) are in
 * migrations/log/, because drizzle-kit cannot write comments. The reasons are here. The file name ends in `.server.ts`: a
 * page that imports it by mistake then fails the build, so the schema never reaches the browser.
 */
import { sql } from 'drizzle-orm';
import {
	bigint,
	bigserial,
	boolean,
	customType,
	index,
	integer,
	jsonb,
	pgTable,
	primaryKey,
	text,
	timestamp,
	uniqueIndex,
	uuid
} from 'drizzle-orm/pg-core';

export * from './log-presence.server.ts';
export * from './log-readers.server.ts';

const xid8 = customType<{ data: string }>({ dataType: () => 'xid8' });
const moment = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });
/** Ids of events are decimal strings in JSON: they can be larger than a safe `number`, and JSON has no bigint. */
const id = (name: string) => bigint(name, { mode: 'bigint' });
/** Id of a user, as the app made it: text, 1 to 200 octets. */
const user = (name: string) => text(name);

/**
 * The log. Partitioned by range of id (the migration adds PARTITION BY, which drizzle-kit cannot express). `user_id` has no
 * foreign key on purpose: the log does not know the app's tables, and an event for a missing user does no harm.
 */
export const events = pgTable(
	'events',
	{
		id: bigserial('id', { mode: 'bigint' }).primaryKey(),
		topic: text('topic').notNull(),
		userId: user('user_id'),
		data: jsonb('data').notNull(),
		createdAt: moment('created_at')
			.notNull()
			.default(sql`clock_timestamp()`),
		/** Octets of `data` as text. A reader can limit a page without decompressing the data it does not read. */
		size: integer('size')
			.notNull()
			.generatedAlwaysAs(sql`octet_length(data::text)`)
	},
	// coalesce, because the planner does not treat `user_id IS NULL` as a fixed index column, and would sort.
	(t) => [index('events_replay_idx').on(sql`coalesce(${t.userId}, '')`, t.topic, t.id)]
);

/** Events written inside a larger transaction, until the relay has moved them into the log. */
export const outbox = pgTable(
	'outbox',
	{
		tx: xid8('tx')
			.notNull()
			.default(sql`pg_current_xact_id()`),
		n: bigint('n', { mode: 'bigint' }).notNull().generatedAlwaysAsIdentity(),
		topic: text('topic').notNull(),
		userId: user('user_id'),
		data: jsonb('data').notNull(),
		key: text('key'),
		/** Who writes, and in which epoch: see producers. Both or none. */
		producer: text('producer'),
		epoch: bigint('epoch', { mode: 'bigint' }),
		createdAt: moment('created_at')
			.notNull()
			.default(sql`clock_timestamp()`),
		/** Octets of `data` as text. The relay can limit a page without decompressing the data it does not move. */
		size: integer('size')
			.notNull()
			.generatedAlwaysAs(sql`octet_length(data::text)`)
	},
	(t) => [primaryKey({ columns: [t.tx, t.n] })]
);

/**
 * What was set aside, so that the rest could go on: outbox rows that the log refused, and events that a consumer could not
 * handle. The table has no constraints, so that every row can be set aside. The bounds of `events` and `outbox` are in
 * migrations/log/0001_append.sql, each with its hint.
 */
export const deadLetters = pgTable('dead_letters', {
	id: bigint('id', { mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
	/** Of the outbox row; null: a consumer set the event aside. */
	tx: xid8('tx'),
	n: id('n'),
	/** The consumer that could not handle the event; null: an outbox row. */
	consumer: text('consumer'),
	/** The event that the consumer could not handle. */
	eventId: id('event_id'),
	topic: text('topic').notNull(),
	userId: user('user_id'),
	data: jsonb('data').notNull(),
	key: text('key'),
	producer: text('producer'),
	epoch: bigint('epoch', { mode: 'bigint' }),
	createdAt: moment('created_at').notNull(),
	error: text('error').notNull(),
	setAsideAt: moment('set_aside_at')
		.notNull()
		.default(sql`clock_timestamp()`)
});

/**
 * Idempotency keys, kept for ever. Not a column of `events`, because its unique index would have to contain the partition
 * key.
 */
export const eventKeys = pgTable('event_keys', {
	key: text('key').primaryKey(),
	eventId: id('event_id').notNull()
});

/**
 * The highest epoch that each producer has written in. The log refuses an older one, so a worker from before a deploy cannot
 * write beside its successor. Compared and raised under the log's lock.
 */
export const producers = pgTable('producers', {
	name: text('name').primaryKey(),
	epoch: bigint('epoch', { mode: 'bigint' }).notNull(),
	/** When the epoch was first seen. */
	since: moment('since').notNull().defaultNow()
});

/** Results of batches, so that a writer whose connection broke at commit can ask again with the same key. */
export const appendBatches = pgTable('append_batches', {
	batch: uuid('batch').primaryKey(),
	ids: bigint('ids', { mode: 'bigint' }).array().notNull(),
	appended: boolean('appended').array().notNull(),
	createdAt: moment('created_at').notNull().defaultNow()
});

/** Has one row. Every append also locks this table, so that ids become visible in order. */
export const logState = pgTable('log_state', {
	one: boolean('one').primaryKey().default(true),
	epoch: uuid('epoch').notNull().defaultRandom(),
	/** Where the log was when it was last written to, see `logline_place()`; null: never written. */
	place: text('place')
});

/**
 * Ranges of ids that the previous server may have given to events which are not here. A client with a cursor in a hole may
 * have received such events, and gets a gap.
 */
export const logHoles = pgTable('log_holes', {
	/** The last id before the hole. */
	after: id('after').notNull(),
	/** The last id of the hole. */
	upto: id('upto').primaryKey(),
	place: text('place').notNull(),
	createdAt: moment('created_at').notNull().defaultNow()
});

/**
 * How far the history of a topic has been trimmed. It moves before anything is deleted, so that a reader that misses an
 * event can always see the reason.
 */
export const topicHorizons = pgTable(
	'topic_horizons',
	{
		topic: text('topic').notNull(),
		/** `user_id` of the trimmed events; '': events for everyone. No user has this id. */
		audience: text('audience').notNull(),
		horizon: id('horizon').notNull()
	},
	(t) => [
		primaryKey({ columns: [t.topic, t.audience] }),
		// For the check with each page whether something was trimmed that this server has not read yet. Usually there is
		// nothing.
		index('topic_horizons_horizon_idx').on(t.horizon)
	]
);

/** How far the retention job has processed a topic, so that it reads each event once. */
export const retentionProgress = pgTable('retention_progress', {
	topic: text('topic').primaryKey(),
	done: id('done').notNull(),
	/** The rule that the job applied. With another rule it starts again. */
	rule: text('rule').notNull()
});

/**
 * The oldest time in each block of ids, for each topic that is kept for a time. Times in the log do not rise with the ids,
 * and an index on time would cost every insert.
 */
export const retentionBlocks = pgTable(
	'retention_blocks',
	{
		topic: text('topic').notNull(),
		block: id('block').notNull(),
		/** Greatest id of the topic that was seen in the block. */
		last: id('last').notNull(),
		oldest: moment('oldest').notNull()
	},
	(t) => [
		primaryKey({ columns: [t.topic, t.block] }),
		// Of thousands of topics, the few that have something to trim.
		index('retention_blocks_oldest_idx').on(t.oldest)
	]
);

/**
 * What each client is subscribed to. `session_id` has no foreign key on purpose: the log does not know the app's sessions.
 * The rows of a session are deleted when the log hears that it has ended, and in any case 30 days after the last use.
 */
export const topicSubscriptions = pgTable(
	'topic_subscriptions',
	{
		sessionId: text('session_id').notNull(),
		/** '' is the one unnamed client of a session. */
		clientId: text('client_id').notNull(),
		topic: text('topic').notNull(),
		/** How many times this client has added the topic. */
		n: integer('n').notNull(),
		/** Position of the subscription in the log: the topic is safe at a cursor that is not before it. */
		since: id('since').notNull(),
		/**
		 * Every event after this id was owed at first. It is the start of the replay window, where a catch-up that broke off
		 * continues.
		 */
		begin: id('begin')
			.notNull()
			.default(sql`0`),
		/** The horizon of the topic at first: trimming up to this id is no gap for the client. */
		trimmed: id('trimmed')
			.notNull()
			.default(sql`0`),
		createdAt: moment('created_at').notNull().defaultNow(),
		/** When the client was last connected. Updated once a day. */
		seenAt: moment('seen_at').notNull().defaultNow()
	},
	(t) => [
		primaryKey({ columns: [t.sessionId, t.clientId, t.topic, t.n] }),
		index('topic_subscriptions_seen_at_idx').on(t.seenAt)
	]
);

/**
 * Sessions of which subscriptions were deleted because they were old or too many. An unknown client that sends bare topic
 * names may be the client that had them.
 */
export const forgottenClients = pgTable(
	'forgotten_clients',
	{
		sessionId: text('session_id').primaryKey(),
		/** When a client of the session was last forgotten. The row is kept for 400 days: no cookie lives longer. */
		since: moment('since').notNull().defaultNow()
	},
	(t) => [index('forgotten_clients_since_idx').on(t.since)]
);

/**
 * What the servers know of the declared topics, for the database and for people who read it. Each server writes its
 * declarations when it starts.
 */
export const topics = pgTable('topics', {
	/** A topic, or a pattern such as `rooms/[room]/messages`. */
	pattern: text('pattern').primaryKey(),
	access: text('access').notNull(),
	history: text('history').notNull(),
	/** In seconds or events, or null: for ever. */
	retention: text('retention'),
	/** How many of the newest events a new client gets; null: all. */
	replay: integer('replay'),
	/** False: a signal. It is never an event of the log. */
	durable: boolean('durable').notNull().default(true),
	description: text('description'),
	/** Regular expressions of the pattern's topics and of its scopes, for the checks of the database. */
	topicRegex: text('topic_regex').notNull(),
	scopeRegex: text('scope_regex'),
	declaredAt: moment('declared_at').notNull().defaultNow()
});

/** Every topic that has ever had an event. A new row costs the check against the patterns once. */
export const logTopics = pgTable(
	'log_topics',
	{
		topic: text('topic').primaryKey(),
		pattern: text('pattern').notNull(),
		/** Id of the event `$ended`, after which nothing is accepted; null: the topic has not ended. */
		endedId: id('ended_id')
	},
	(t) => [index('log_topics_pattern_idx').on(t.pattern, t.topic)]
);

/**
 * Who may see what, as the app says it. The app owns the rows: it inserts and deletes them. Triggers note which pairs have
 * changed, and the log compares them later: see grantHistory.
 */
export const grants = pgTable(
	'grants',
	{
		/** Beginning of topics that ends with a parameter: `rooms/42`. */
		scope: text('scope').notNull(),
		userId: user('user_id').notNull(),
		/** Who says it. Two sources may give the same grant; it lasts until both have taken it back. */
		source: text('source').notNull().default(''),
		createdAt: moment('created_at').notNull().defaultNow()
	},
	(t) => [
		primaryKey({ columns: [t.userId, t.scope, t.source] }),
		index('grants_scope_idx').on(t.scope)
	]
);

/**
 * From which event to which a user could see a scope. Only the holder of the log's lock writes it, together with the events
 * `$granted` and `$revoked`, whose ids it has. So who could see what is a fact of the log, and not a race.
 */
export const grantHistory = pgTable(
	'grant_history',
	{
		userId: user('user_id').notNull(),
		scope: text('scope').notNull(),
		/** Id of the event `$granted`. */
		fromId: id('from_id').notNull(),
		/** Id of the event `$revoked`; null: the grant lasts. */
		untilId: id('until_id')
	},
	(t) => [
		primaryKey({ columns: [t.userId, t.fromId] }),
		uniqueIndex('grant_history_open_idx')
			.on(t.userId, t.scope)
			.where(sql`until_id IS NULL`),
		index('grant_history_until_idx').on(t.userId, t.untilId)
	]
);

/** Pairs that may have lost their last grant, until the log has compared them. */
export const grantLosses = pgTable(
	'grant_losses',
	{
		n: bigint('n', { mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
		/** Null: all pairs, after a TRUNCATE. */
		scope: text('scope'),
		userId: user('user_id')
	},
	(t) => [index('grant_losses_scope_idx').on(t.scope)]
);

/**
 * The servers that run, with the streams that each has open. A server writes its row every few seconds. One row for all of
 * its streams, in a table that writes no WAL: twenty thousand streams cost a statement. What it says is up to ten seconds old.
 */
export const logServers = pgTable('log_servers', {
	server: uuid('server').primaryKey(),
	/** Host and process id. */
	name: text('name').notNull(),
	startedAt: moment('started_at').notNull(),
	seenAt: moment('seen_at').notNull(),
	/** Id up to which the server has read the log. */
	tail: id('tail').notNull(),
	/** Arrays of user, client, state, position and topics. */
	streams: jsonb('streams').notNull()
});
