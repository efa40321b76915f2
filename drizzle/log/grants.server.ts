/** Who may see what, as the app says it, and as the log knows it. */
import { sql } from 'drizzle-orm';
import { bigint, index, pgTable, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { id, moment, user } from './columns.server.ts';

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
