/** Tables of the log that say who is present now. They write no WAL: after a crash they are empty, and are written again. */
import { index, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { moment } from './columns.server.ts';

/**
 * Incarnations of servers. What a server wrote counts until the lease is over, by the clock of the database. A server that
 * finds its incarnation gone takes a new one, and writes its rows again.
 */
export const presenceServers = pgTable('presence_servers', {
	incarnation: uuid('incarnation').primaryKey(),
	leasedUntil: moment('leased_until').notNull()
});

/** Who is present in which scope, once for each server. */
export const presence = pgTable(
	'presence',
	{
		scope: text('scope').notNull(),
		userId: text('user_id').notNull(),
		incarnation: uuid('incarnation').notNull(),
		name: text('name').notNull(),
		/** What the client says about itself, for example `{"status":"away"}`. */
		state: jsonb('state').notNull(),
		since: moment('since').notNull().defaultNow()
	},
	(t) => [
		primaryKey({ columns: [t.scope, t.userId, t.incarnation] }),
		index('presence_incarnation_idx').on(t.incarnation)
	]
);
