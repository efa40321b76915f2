/** What was trimmed, and how far the retention job has come. */
import { index, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { id, moment } from './columns.server.ts';

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
