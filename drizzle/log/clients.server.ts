/** Who reads the log: subscriptions of clients, and the servers that have their streams. */
import { sql } from 'drizzle-orm';
import { index, integer, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { id, moment } from './columns.server.ts';

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
