/** Retention by time: the time of each event counts, whatever the times of the events around it. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { trimLog } from '../../src/lib/server/log/retention/retention.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { keep, type Retentions } from '../support/retention.ts';

let database: TestDatabase;
let sql: Sql;
let connection: SoleConnection;

beforeAll(async () => {
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 2, name: 'test sql' });
	connection = new SoleConnection(database.url, { name: 'retention test' });
});
afterAll(async () => {
	await connection.end();
	await sql.end();
	await database.drop();
});
beforeEach(async () => {
	await sql`delete from events`;
	await sql`truncate retention_blocks, retention_progress, topic_horizons`;
});

/** Trims with these retentions. */
async function trim(retentions: Retentions): Promise<number> {
	return (await trimLog(connection, keep(retentions)))!;
}

/** Inserts events that are `minutes` old. */
const insert = (topic: string, count: number, minutes: number) => sql`
	insert into events (topic, data, created_at)
	select ${topic}, to_jsonb(i), now() - make_interval(mins => ${minutes}::int) from generate_series(1, ${count}::int) i`;
/** Returns how many events of each age are left, in hours. */
const ages = async () =>
	Object.fromEntries(
		(
			await sql<{ age: number; n: number }[]>`
				select floor(extract(epoch from now() - created_at) / 3600)::int as age, count(*)::int as n
				from events group by 1 order by 1`
		).map(({ age, n }) => [age, n])
	);
/** Makes all events older. */
const pass = async (minutes: number) => {
	await sql`update events set created_at = created_at - make_interval(mins => ${minutes}::int)`;
	await sql`update retention_blocks set oldest = oldest - make_interval(mins => ${minutes}::int)`;
};

test('an event that is seconds old outlives an import of old ones that came after it', async () => {
	await insert('a', 100, 0);
	await insert('a', 200, 180);
	await insert('a', 50, 0);
	expect(await trim({ a: { seconds: 3600 } })).toBe(200);
	expect(await ages()).toEqual({ 0: 150 });
	// No more is reported as gone than is gone.
	expect(await trim({ a: { seconds: 3600 } })).toBe(0);
});

test('a partition with a young event is not dropped, though it ends with old ones', async () => {
	const partitions = async () =>
		(await sql`select 1 from pg_inherits where inhparent = 'events'::regclass`).length;
	const before = await partitions();
	await insert('a', 5, 180);
	await insert('a', 1, 0);
	await sql`select setval('events_id_seq', 4999990)`;
	await insert('a', 10, 180);
	await insert('b', 1, 0);
	await trim({ a: { seconds: 3600 } });
	expect(await ages()).toEqual({ 0: 2 });
	expect(await partitions()).toBe(before);
	await pass(70);
	await trim({ a: { seconds: 3600 } });
	expect(await ages()).toEqual({ 1: 1 });
});

test('an event from the future keeps nothing else from going, and goes in its own time', async () => {
	await insert('a', 1, -120);
	await insert('a', 20, 90);
	await insert('a', 20, 30);
	expect(await trim({ a: { seconds: 3600 } })).toBe(20);
	await pass(60);
	expect(await trim({ a: { seconds: 3600 } })).toBe(20);
	await pass(125);
	expect(await trim({ a: { seconds: 3600 } })).toBe(1);
	expect(await sql`select from retention_blocks`).toHaveLength(0);
});

test('a shorter time, or another number, holds for what is there already', async () => {
	await insert('a', 30, 90);
	expect(await trim({ a: { seconds: 7200 } })).toBe(0);
	expect(await trim({ a: { seconds: 3600 } })).toBe(30);
	await insert('b', 30, 0);
	expect(await trim({ b: { lastPerUser: 20 } })).toBe(10);
	expect(await trim({ b: { lastPerUser: 5 } })).toBe(15);
	expect(await trim({ b: { seconds: 60 } })).toBe(0);
	await pass(2);
	expect(await trim({ b: { seconds: 60 } })).toBe(5);
});

/** A seeded random number generator (mulberry32). */
function randomOf(seed: number): (below: number) => number {
	let state = seed;
	return (below) => {
		state = (state + 0x6d2b79f5) | 0;
		let t = Math.imul(state ^ (state >>> 15), 1 | state);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4_294_967_296) * below);
	};
}

test.each([1, 2, 3, 4])(
	'nothing younger than its time ever goes, and all that is older goes in one round (seed %i)',
	async (seed) => {
		const random = randomOf(seed);
		const kept: Record<string, number> = { a: 3600, b: 7200, c: 86_400 };
		const due = Object.fromEntries(Object.entries(kept).map(([t, seconds]) => [t, { seconds }]));
		for (let round = 0; round < 12; round++) {
			for (let runs = random(5); runs >= 0; runs--) {
				const topic = 'abcd'[random(4)]!;
				// Mostly the present; sometimes an import of old events, or a clock that is ahead. Half minutes avoid the
				// exact boundaries.
				const minutes = [0, 0, random(3000), -random(300)][random(4)]!;
				await sql`
					insert into events (topic, user_id, data, created_at)
					select ${topic}, nullif(i % 3, 0)::text, '1', now() - make_interval(mins => ${minutes}::int, secs => 30)
					from generate_series(1, ${1 + random(40)}::int) i`;
				// Blocks with few and with no events.
				await sql`select setval('events_id_seq', (select last_value from events_id_seq) + ${random(9000)}::int)`;
			}
			await pass(random(90));
			const expected = await sql<{ id: string }[]>`
				select id from events where created_at >= now() -
					make_interval(secs => coalesce((${sql.json(kept)}::jsonb ->> topic)::float8, 1e9)) order by id`;
			const gone = await sql<{ topic: string; audience: string; id: string }[]>`
				select topic, coalesce(user_id, '') as audience, max(id) as id from events
				where id <> all(${expected.map(({ id }) => id)}::bigint[]) group by 1, 2`;
			await trim(due);
			expect([...(await sql`select id from events order by id`)]).toEqual([...expected]);
			// The horizon covers what is gone.
			for (const { topic, audience, id } of gone) {
				const [told] = await sql`
					select horizon >= ${id} as told from topic_horizons where topic = ${topic} and audience = ${audience}`;
				expect(told).toEqual({ told: true });
			}
		}
	}
);
