/** A log of many events, on both sides of the border of two partitions, for tests that look at plans. */
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { READ_BY_INDEX } from '../../src/lib/server/database/read-by-index.ts';
import type { Queryable } from '../../src/lib/server/index.ts';
import { PageSize } from '../../src/lib/server/log/page-size.ts';
import { createTestDatabase } from '../support/database.ts';
import { planOf, tell, type Plan } from './plans.ts';

/** Number of events. With 10000000 it takes minutes and 3 GB; docs/decisions/008-replay-index.md has the figures. */
export const GIVEN = process.env.LOGLINE_READ_PATH_EVENTS;
export const EVENTS = Number(GIVEN ?? 60_000);
/** Rows of one INSERT. */
const BATCH = 100_000;
/** Where the second partition begins. */
const SECOND = 5_000_000;
/** The last id before the first event. */
export const BEFORE = Math.max(0, SECOND - EVENTS / 2);
export const HEAD = BigInt(BEFORE + EVENTS);
const USERS = 1000;
/** How long it takes to make, or to drop, at most. Milliseconds. */
export const MAKING_MS = 120_000 + EVENTS / 10;
export const DROPPING_MS = 120_000;

/** Events of a page. */
export const LIMIT = 256;
export const page = (): PageSize => new PageSize({ most: LIMIT, bytes: 1_048_576 });
export const from = (topics: readonly string[], after: bigint) =>
	topics.map((topic) => ({ topic, after }));

export interface LongLog {
	readonly sql: Sql;
	/** Runs the statement until Postgres uses its final plan, and returns that plan. */
	planOf(what: string, ask: (on: Queryable) => Promise<unknown>): Promise<Plan>;
	drop(): Promise<void>;
}

/**
 * "busy" is only for everyone, "mail" only private. In the other topics, a fifth is for everyone.
 *
 * @param topicOfI SQL: the topic of the i-th event
 */
export async function makeLongLog(topicOfI: string): Promise<LongLog> {
	const database = await createTestDatabase();
	const sql = openClient(database.url, {
		max: 1,
		name: 'test read path',
		settings: READ_BY_INDEX
	});
	if (BEFORE > 0) await sql`select setval('events_id_seq', ${BEFORE})`;
	for (let first = 1; first <= EVENTS; first += BATCH) {
		await sql`
			insert into events (topic, user_id, data)
			select topic, case when topic = 'busy' or (topic <> 'mail' and h % 5 = 0) then null else (h / 5 % ${USERS}::int + 1)::text end,
				jsonb_build_object('n', i, 'text', repeat('x', 60))
			from (
				select i, hashint8(i) & 2147483647 as h, ${sql.unsafe(topicOfI)} as topic
				from generate_series(${first}::bigint, ${Math.min(EVENTS, first + BATCH - 1)}::bigint) as i
			) as numbered`;
	}
	await sql`vacuum analyze events`;
	return {
		sql,
		planOf: async (what, ask) => {
			const { plan, ms } = await planOf(sql, ask);
			if (GIVEN) tell(what, plan, ms);
			return plan;
		},
		drop: async () => {
			await sql.end();
			await database.drop();
		}
	};
}
