import { jsonb, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core';

export const users = pgTable('users', {
	id: uuid('id').primaryKey().defaultRandom(),
	name: text('name').notNull()
});

export const sessions = pgTable('sessions', {
	/** SHA-256 of the cookie. */
	id: text('id').primaryKey(),
	userId: uuid('user_id')
		.notNull()
		.references(() => users.id),
	expiresAt: timestamp('expires_at', { withTimezone: true }).notNull()
});

/** Called like a table of the log, and nothing to do with it. */
export const events = pgTable('events', {
	id: uuid('id').primaryKey().defaultRandom(),
	what: jsonb('what').notNull()
});
