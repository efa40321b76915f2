/** Tables of the log that say how far programs and people have read. */
import { index, integer, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { id, moment } from './columns.server.ts';

/**
 * How far each consumer has handled each of its topics. The transaction that handles events locks these rows and moves them:
 * so two processes exclude each other, and an event is handled exactly when its effects are committed.
 */
export const consumers = pgTable(
	'consumers',
	{
		name: text('name').notNull(),
		/** A topic, or a wildcard such as `rooms/*\/messages`. `$begun` is none: its row says where the last batch began. */
		topic: text('topic').notNull(),
		/** Every event of the topic up to this id is handled, or is in consumer_failures or dead_letters. */
		position: id('position').notNull(),
		/**
		 * In the row `$begun`: batches that were begun at its position. More than one: a process died in the middle. It has a
		 * row of its own because the others are locked while a batch runs.
		 */
		begun: integer('begun').notNull().default(0),
		movedAt: moment('moved_at').notNull().defaultNow()
	},
	(t) => [primaryKey({ columns: [t.name, t.topic] })]
);

/** Events that a consumer could not handle yet. It tries them again, later each time, and at last sets them aside. */
export const consumerFailures = pgTable(
	'consumer_failures',
	{
		name: text('name').notNull(),
		eventId: id('event_id').notNull(),
		topic: text('topic').notNull(),
		/** An attempt is counted before it is made: so an event that ends its process is counted, too. */
		attempts: integer('attempts').notNull(),
		nextAt: moment('next_at').notNull(),
		error: text('error').notNull(),
		firstAt: moment('first_at').notNull().defaultNow()
	},
	(t) => [
		primaryKey({ columns: [t.name, t.eventId] }),
		index('consumer_failures_next_idx').on(t.name, t.nextAt)
	]
);

/** Up to which event a user has read a topic. It only moves forward. */
export const readMarkers = pgTable(
	'read_markers',
	{
		userId: text('user_id').notNull(),
		topic: text('topic').notNull(),
		eventId: id('event_id').notNull(),
		movedAt: moment('moved_at').notNull().defaultNow()
	},
	(t) => [primaryKey({ columns: [t.userId, t.topic] })]
);
