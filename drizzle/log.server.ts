/**
 * The log's own tables: what is written. Those in log/ say who may see it, who has read how far, and what is kept. They refer
 * to no table of the app. The descriptions that psql shows (`COMMENT ON`) are in migrations/log/, because drizzle-kit cannot
 * write comments. The reasons are here. The file name ends in `.server.ts`: a page that imports it by mistake then fails the
 * build, so the schema never reaches the browser.
 */
import { sql } from 'drizzle-orm';
import {
	bigint,
	bigserial,
	boolean,
	index,
	integer,
	jsonb,
	pgTable,
	primaryKey,
	text,
	uuid
} from 'drizzle-orm/pg-core';
import { id, moment, user, xid8 } from './log/columns.server.ts';

export * from './log/clients.server.ts';
export * from './log/grants.server.ts';
export * from './log/presence.server.ts';
export * from './log/readers.server.ts';
export * from './log/retention.server.ts';

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
	(t) => [
		primaryKey({ columns: [t.tx, t.n] }),
		/** Notes of grants that have no place in the log yet, by their scope. */
		index('outbox_grants_idx')
			.on(sql`(${t.data} #>> '{}')`)
			.where(sql`${t.topic} = '$grants'`)
	]
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
