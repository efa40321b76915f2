/**
 * All tables of Logline. The descriptions that psql shows (`COMMENT ON`) are in migrations/, because drizzle-kit cannot
 * write comments. The reasons are here. The file name ends in `.server.ts`: a page that imports it by mistake then fails the
 * build, so the schema never reaches the browser.
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

const xid8 = customType<{ data: string }>({ dataType: () => 'xid8' });
const moment = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });
/** Ids are decimal strings in TypeScript: they can be larger than a safe `number`, and JSON has no bigint. */
const id = (name: string) => bigint(name, { mode: 'bigint' });

export const users = pgTable(
	'users',
	{
		id: id('id').primaryKey().generatedAlwaysAsIdentity(),
		username: text('username').notNull(),
		passwordHash: text('password_hash').notNull(),
		createdAt: moment('created_at').notNull().defaultNow()
	},
	// Two user names must differ in more than letter case.
	(t) => [uniqueIndex('users_username_key').on(sql`lower(${t.username})`)]
);

export const sessions = pgTable(
	'sessions',
	{
		/** SHA-256 (hex) of the cookie's value: a copy of the table cannot be used to sign in. */
		id: text('id').primaryKey(),
		userId: id('user_id')
			.notNull()
			.references(() => users.id, { onDelete: 'cascade' }),
		expiresAt: moment('expires_at').notNull(),
		createdAt: moment('created_at').notNull().defaultNow(),
		userAgent: text('user_agent'),
		/**
		 * True after subscriptions of some client of this session were deleted. An unknown client that sends bare topic
		 * names may be that client.
		 */
		clientsForgotten: boolean('clients_forgotten').notNull().default(false)
	},
	(t) => [index('sessions_user_id_idx').on(t.userId)]
);

/** Devices from which a user has signed in, so that the user can be notified of a sign-in from a new one. */
export const devices = pgTable(
	'devices',
	{
		userId: id('user_id')
			.notNull()
			.references(() => users.id, { onDelete: 'cascade' }),
		/** SHA-256 (hex) of the device cookie. */
		deviceId: text('device_id').notNull(),
		createdAt: moment('created_at').notNull().defaultNow()
	},
	(t) => [primaryKey({ columns: [t.userId, t.deviceId] })]
);

/**
 * Counts sign-in and sign-up attempts. Columns, names and order are those of rate-limiter-flexible. The migration makes the
 * table UNLOGGED (drizzle-kit cannot express this): a crash may lose the counts of a minute, but an attempt does not wait
 * for the disk.
 */
export const rateLimits = pgTable('rate_limits', {
	/**
	 * What is counted. Account, network and device only as SHA-256, because users sometimes type a password into the user
	 * name field.
	 */
	key: text('key').primaryKey(),
	points: integer('points').notNull(),
	/** Milliseconds since 1970, by the clock of the server that counted first. */
	expire: bigint('expire', { mode: 'number' }).notNull()
});

/**
 * The log. Partitioned by range of id (the migration adds PARTITION BY, which drizzle-kit cannot express). `user_id` has no
 * foreign key on purpose: it would cost a look-up for each event, and an event for a missing user does no harm.
 */
export const events = pgTable(
	'events',
	{
		id: bigserial('id', { mode: 'bigint' }).primaryKey(),
		topic: text('topic').notNull(),
		userId: id('user_id'),
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
	(t) => [index('events_replay_idx').on(sql`coalesce(${t.userId}, 0)`, t.topic, t.id)]
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
		userId: id('user_id'),
		data: jsonb('data').notNull(),
		key: text('key'),
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
 * Outbox rows that the log refused. The table has no constraints, so that every row can be set aside. The bounds of `events`
 * and `outbox` are in migrations/0001_append.sql, each with its hint.
 */
export const deadLetters = pgTable('dead_letters', {
	id: bigint('id', { mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
	tx: xid8('tx').notNull(),
	n: id('n').notNull(),
	topic: text('topic').notNull(),
	userId: id('user_id'),
	data: jsonb('data').notNull(),
	key: text('key'),
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
		/** `user_id` of the trimmed events; 0: events for everyone. */
		audience: id('audience').notNull(),
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
	(t) => [primaryKey({ columns: [t.topic, t.block] })]
);

export const topicSubscriptions = pgTable(
	'topic_subscriptions',
	{
		sessionId: text('session_id')
			.notNull()
			.references(() => sessions.id, { onDelete: 'cascade' }),
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

export const storyProgress = pgTable(
	'story_progress',
	{
		userId: id('user_id')
			.primaryKey()
			.references(() => users.id, { onDelete: 'cascade' }),
		/** Counts resets, so that a line of the old run cannot move the new one. */
		run: integer('run').notNull().default(0),
		/** Index of the next script node. */
		step: integer('step').notNull().default(0),
		/** When that node is due; null while the story waits for the player or has ended. */
		dueAt: moment('due_at')
	},
	(t) => [
		index('story_progress_due_idx')
			.on(t.dueAt)
			.where(sql`${t.dueAt} is not null`)
	]
);

/**
 * The last slot in which a demo source emitted, and the number of its events. The process that updates the row emits, so
 * each event is emitted once per deployment.
 */
export const demoTicks = pgTable('demo_ticks', {
	source: text('source').primaryKey(),
	slot: id('slot').notNull(),
	count: id('count').notNull()
});
