/**
 * Every table of Logline. What psql shows as `COMMENT ON` stands in migrations/ (drizzle-kit cannot write comments); the
 * reasons stand here. The name ends in `.server.ts` so that a page that imports it by mistake fails the build instead of
 * shipping the schema to the browser.
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
/** Ids are decimal strings in TypeScript: they outgrow `number`, and JSON has no bigint. */
const id = (name: string) => bigint(name, { mode: 'bigint' });

export const users = pgTable(
	'users',
	{
		id: id('id').primaryKey().generatedAlwaysAsIdentity(),
		username: text('username').notNull(),
		passwordHash: text('password_hash').notNull(),
		createdAt: moment('created_at').notNull().defaultNow()
	},
	// Two people must not be told apart by the case of a letter.
	(t) => [uniqueIndex('users_username_key').on(sql`lower(${t.username})`)]
);

export const sessions = pgTable(
	'sessions',
	{
		/** SHA-256 (hex) of the cookie's value: a copy of the table signs nobody in. */
		id: text('id').primaryKey(),
		userId: id('user_id')
			.notNull()
			.references(() => users.id, { onDelete: 'cascade' }),
		expiresAt: moment('expires_at').notNull(),
		createdAt: moment('created_at').notNull().defaultNow(),
		userAgent: text('user_agent')
	},
	(t) => [index('sessions_user_id_idx').on(t.userId)]
);

/** Devices a user has signed in from, so that a sign-in from another one can be told to them. */
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
 * The log. Partitioned by range of id (the migration adds PARTITION BY, which drizzle-kit cannot express). `user_id` has no
 * foreign key on purpose: it would cost a look-up for each event, and an event for nobody harms nobody.
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
			.default(sql`clock_timestamp()`)
	},
	// coalesce, because `user_id IS NULL` fixes no index column in the planner's eyes, and then it sorts.
	(t) => [index('events_replay_idx').on(sql`coalesce(${t.userId}, 0)`, t.topic, t.id)]
);

/** Events written inside somebody's larger transaction, until the relay has moved them into the log. */
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
			.default(sql`clock_timestamp()`)
	},
	(t) => [primaryKey({ columns: [t.tx, t.n] })]
);

/** Idempotency keys, kept for ever. Not a column of `events`: its unique index would have to contain the partition key. */
export const eventKeys = pgTable('event_keys', {
	key: text('key').primaryKey(),
	eventId: id('event_id').notNull()
});

/** What a batch was answered, so that a writer whose connection broke at commit can ask again with the same key. */
export const appendBatches = pgTable('append_batches', {
	batch: uuid('batch').primaryKey(),
	ids: bigint('ids', { mode: 'bigint' }).array().notNull(),
	appended: boolean('appended').array().notNull(),
	createdAt: moment('created_at').notNull().defaultNow()
});

/** One row. Also the table that every append locks, so that ids become visible in order. */
export const logState = pgTable('log_state', {
	one: boolean('one').primaryKey().default(true),
	epoch: uuid('epoch').notNull().defaultRandom()
});

/**
 * How far a topic's history has been trimmed. Moved before anything is deleted, so that a reader who misses an event always
 * sees why.
 */
export const topicHorizons = pgTable(
	'topic_horizons',
	{
		topic: text('topic').notNull(),
		/** `user_id` of the trimmed events; 0: the ones for everyone. */
		audience: id('audience').notNull(),
		horizon: id('horizon').notNull()
	},
	(t) => [primaryKey({ columns: [t.topic, t.audience] })]
);

/** How far the retention job has gone through the log for a topic, so that it reads each event once. */
export const retentionProgress = pgTable('retention_progress', {
	topic: text('topic').primaryKey(),
	done: id('done').notNull()
});

export const topicSubscriptions = pgTable(
	'topic_subscriptions',
	{
		sessionId: text('session_id')
			.notNull()
			.references(() => sessions.id, { onDelete: 'cascade' }),
		/** '' is the one unnamed client of a session. */
		clientId: text('client_id').notNull(),
		topic: text('topic').notNull(),
		/** How often this client has added the topic. */
		n: integer('n').notNull(),
		/** Position of the subscription in the log: the topic is safe at a cursor that is not before it. */
		since: id('since').notNull(),
		createdAt: moment('created_at').notNull().defaultNow()
	},
	(t) => [primaryKey({ columns: [t.sessionId, t.clientId, t.topic, t.n] })]
);

export const storyProgress = pgTable(
	'story_progress',
	{
		userId: id('user_id')
			.primaryKey()
			.references(() => users.id, { onDelete: 'cascade' }),
		/** Counts resets, so that a line of the old run cannot move the new one. */
		run: integer('run').notNull().default(0),
		/** Index of the script node that comes next. */
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

/** The last time slot in which a demo source spoke: whoever moves it speaks, so it is once per deployment. */
export const demoTicks = pgTable('demo_ticks', {
	source: text('source').primaryKey(),
	slot: id('slot').notNull()
});
