/**
 * The app's tables. The log does not know them. The descriptions that psql shows (`COMMENT ON`) are in migrations/, because
 * drizzle-kit cannot write comments. The reasons are here. The file name ends in `.server.ts`: a page that imports it by
 * mistake then fails the build, so the schema never reaches the browser.
 */
import { sql } from 'drizzle-orm';
import {
	bigint,
	check,
	foreignKey,
	index,
	integer,
	pgTable,
	primaryKey,
	text,
	timestamp,
	uniqueIndex
} from 'drizzle-orm/pg-core';

const moment = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });

export const users = pgTable(
	'users',
	{
		/** Made by the app: 16 random letters and digits. Text, because events name users by it. */
		id: text('id').primaryKey(),
		username: text('username').notNull(),
		/** Null: a guest, who has no password and can use only the session that made the account. */
		passwordHash: text('password_hash'),
		createdAt: moment('created_at').notNull().defaultNow()
	},
	(t) => [
		// Two user names must differ in more than letter case.
		uniqueIndex('users_username_key').on(sql`lower(${t.username})`),
		// The bounds of `events.user_id`.
		check('users_id_check', sql`octet_length(${t.id}) BETWEEN 1 AND 200`),
		// For the job that deletes old guests.
		index('users_guests_idx')
			.on(t.createdAt)
			.where(sql`${t.passwordHash} IS NULL`)
	]
);

export const sessions = pgTable(
	'sessions',
	{
		/** SHA-256 (hex) of the cookie's value: a copy of the table cannot be used to sign in. */
		id: text('id').primaryKey(),
		userId: text('user_id')
			.notNull()
			.references(() => users.id, { onDelete: 'cascade' }),
		expiresAt: moment('expires_at').notNull(),
		createdAt: moment('created_at').notNull().defaultNow(),
		userAgent: text('user_agent'),
		/** When the session was last used, at most a minute late. No index: then an update need not touch one. */
		seenAt: moment('seen_at').notNull().defaultNow()
	},
	(t) => [index('sessions_user_id_idx').on(t.userId)]
);

/**
 * Users who were deleted a short time ago. Their events go afterwards, in batches. A row stays for an hour, because what was
 * on its way to a user may be appended after the user is gone.
 */
export const deletedUsers = pgTable('deleted_users', {
	userId: text('user_id').primaryKey(),
	deletedAt: moment('deleted_at').notNull().defaultNow(),
	/** When the user's events were last deleted; null: not yet. */
	checkedAt: moment('checked_at')
});

/** Devices from which a user has signed in, so that the user can be notified of a sign-in from a new one. */
export const devices = pgTable(
	'devices',
	{
		userId: text('user_id')
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

export const storyProgress = pgTable(
	'story_progress',
	{
		userId: text('user_id')
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
	slot: bigint('slot', { mode: 'bigint' }).notNull(),
	count: bigint('count', { mode: 'bigint' }).notNull()
});

/** Kinds of rooms. Each is the first part of its topics: `rooms/…/messages`, `vaults/…/messages`. */
const ROOM_KINDS = ['rooms', 'vaults'] as const;

/** Rooms of the example in features/rooms. */
export const rooms = pgTable(
	'rooms',
	{
		kind: text('kind', { enum: ROOM_KINDS }).notNull(),
		/** 20 random hexadecimal digits. An id is never used again, because the log keeps the events of a deleted room. */
		id: text('id').notNull(),
		name: text('name').notNull(),
		createdAt: moment('created_at').notNull().defaultNow()
	},
	(t) => [
		primaryKey({ columns: [t.kind, t.id] }),
		check('rooms_kind_check', sql`${t.kind} IN ('rooms', 'vaults')`)
	]
);

/**
 * Who is in which room. A row is also a grant: `logline_grants_from` in migrations/ keeps `grants` in step with this table.
 * Therefore scope and user together are unique.
 */
export const roomMembers = pgTable(
	'room_members',
	{
		kind: text('kind', { enum: ROOM_KINDS }).notNull(),
		roomId: text('room_id').notNull(),
		userId: text('user_id')
			.notNull()
			.references(() => users.id, { onDelete: 'cascade' }),
		joinedAt: moment('joined_at').notNull().defaultNow()
	},
	(t) => [
		primaryKey({ columns: [t.kind, t.roomId, t.userId] }),
		foreignKey({ columns: [t.kind, t.roomId], foreignColumns: [rooms.kind, rooms.id] }).onDelete(
			'cascade'
		),
		index('room_members_user_id_idx').on(t.userId)
	]
);

/**
 * Messages of rooms that are looked at again: when a row is due, the members who have not read its message are mailed. The row
 * goes and the mails are written in one statement, so a mail is sent once.
 */
export const roomMailChecks = pgTable(
	'room_mail_checks',
	{
		/** Id of the message's event. */
		eventId: bigint('event_id', { mode: 'bigint' }).primaryKey(),
		dueAt: moment('due_at').notNull()
	},
	(t) => [index('room_mail_checks_due_idx').on(t.dueAt)]
);
