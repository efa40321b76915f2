/** Retention and consumers: it waits for them within a bound, and what they missed is told. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SoleConnection } from '../../../src/lib/server/database/sole-connection.ts';
import { dropSpentPartitions } from '../../../src/lib/server/log/retention/partitions.ts';
import { trimLog } from '../../../src/lib/server/log/retention/retention.ts';
import type { ConsumerGap } from '../../../src/lib/server/log/consumers/types.ts';
import { until } from '../../support/until.ts';
import { openStand, TOPICS, type Stand } from './stand.ts';

let stand: Stand;
let connection: SoleConnection;
beforeEach(async () => {
	stand = await openStand();
	connection = new SoleConnection(stand.url, { name: 'retention test' });
});
afterEach(async () => {
	await connection.end();
	await stand.close();
});

const left = async (topic: string) =>
	(await stand.sql`select data from events where topic = ${topic} order by id`).map(
		({ data }) => data as unknown
	);
/** Trims when no server's own job does. */
const trim = (waitSeconds?: number) =>
	until(async () => (await trimLog(connection, TOPICS, undefined, waitSeconds)) !== null, {
		what: 'nobody else trims'
	});
const append = (topic: string, value: number, age: string) =>
	stand.sql`insert into events (topic, data, created_at) values (${topic}, ${value}, now() - ${age}::interval)`;
const stopAt = (topic: string, position: number) =>
	stand.sql`insert into consumers (name, topic, position) values ('slow', ${topic}, ${position})`;

const failed = (id: number, topic: string, error = 'x') => stand.sql`
	insert into consumer_failures (name, event_id, topic, attempts, next_at, error) values ('test', ${id}, ${topic}, 1, now(), ${error})`;
const failures = async () => [...(await stand.sql`select event_id, error from consumer_failures`)];
const letters = async () => [
	...(await stand.sql`select topic, user_id, data, error from dead_letters`)
];

test('what a consumer has not handled is not trimmed, until it is older than the bound', async () => {
	for (const [value, age] of [
		[1, '8 days'],
		[2, '1 hour'],
		[3, '1 hour'],
		[4, '0 s']
	] as const) {
		await append('short', value, age);
	}
	await stopAt('short', 2);
	await trim();
	expect(await left('short')).toEqual([3, 4]);
	await trim();
	expect(await left('short')).toEqual([3, 4]);
	await trim(60);
	expect(await left('short'), 'beyond the bound').toEqual([4]);
});

test('what a consumer has handled is trimmed', async () => {
	await append('short', 1, '1 hour');
	await append('short', 2, '1 hour');
	await stopAt('short', 1);
	await trim();
	expect(await left('short')).toEqual([2]);
	await stand.sql`update consumers set position = 2`;
	await trim();
	expect(await left('short')).toEqual([]);
});

test('an event that failed and is tried again is not trimmed, nor are the newest that a consumer lacks', async () => {
	const horizon = async () => {
		const rows = await stand.sql`select horizon::int from topic_horizons where topic = 'few'`;
		return rows[0]?.horizon as number | undefined;
	};
	for (let n = 1; n <= 9; n++) await append('few', n, '0 s');
	await stopAt('few', 4);
	await trim();
	expect(await left('few')).toEqual([5, 6, 7, 8, 9]);
	expect(await horizon(), 'what is kept is not told to be gone').toBe(4);
	await stand.sql`update consumers set position = 9`;
	await stand.sql`insert into consumer_failures (name, event_id, topic, attempts, next_at, error) values ('slow', 6, 'few', 1, now(), 'x')`;
	await trim();
	expect(await left('few')).toEqual([6, 7, 8, 9]);
	expect(await horizon()).toBe(5);
	await stand.sql`delete from consumer_failures`;
	await trim();
	expect(await left('few')).toEqual([7, 8, 9]);
	await stand.sql`update consumers set position = 0, moved_at = now() - interval '8 days'`;
	for (let n = 10; n <= 12; n++) await append('few', n, '0 s');
	await trim();
	expect(await left('few'), 'a consumer that was not seen for long').toEqual([10, 11, 12]);
});

test('a consumer for which the newest events are kept gets them, and is told of no gap', async () => {
	for (let n = 1; n <= 9; n++) await append('few', n, '0 s');
	await stand.sql`insert into consumers (name, topic, position) values ('test', 'few', 4)`;
	await trim();
	const gaps: ConsumerGap[] = [];
	stand.consume(await stand.logline(), ['few'], { onGap: (gap) => gaps.push(gap) });
	await until(async () => (await stand.seen()).length === 5, { what: 'it gets them' });
	expect(await stand.seen()).toEqual([5, 6, 7, 8, 9]);
	expect(gaps).toEqual([]);
});

test('a partition of which a consumer lacks an event is not dropped', async () => {
	await append('short', 1, '1 hour');
	await stand.sql`select setval('events_id_seq', 6000000)`;
	await append('short', 2, '1 hour');
	const drop = (waiting: bigint | undefined) =>
		dropSpentPartitions(
			connection,
			[{ topic: 'short', seconds: 1, waiting, waitSeconds: 86_400 }],
			6_000_001n
		);
	expect(await drop(0n)).toBe(0);
	expect(await drop(1n)).toBe(1);
});

test('a consumer whose events were trimmed is told before it goes on, once', async () => {
	for (let n = 1; n <= 6; n++) await append(n % 2 ? 'short' : 'a', n, '1 hour');
	await stand.sql`insert into consumers (name, topic, position) values ('test', 'short', 1), ('test', 'a', 2)`;
	await trim(1);
	await append('short', 7, '0 s');
	const gaps: ConsumerGap[] = [];
	let refused = 0;
	const options = {
		onGap: (gap: ConsumerGap) => {
			if (refused++ === 0) throw new Error('not now');
			gaps.push(gap);
		}
	};
	stand.consume(await stand.logline(), ['short', 'a'], options);
	await until(async () => (await stand.seen()).length === 3, { what: 'it goes on' });
	expect(await stand.seen()).toEqual([4, 6, 7]);
	expect(gaps).toEqual([{ topic: 'short', after: '1', oldest: '7' }]);
	await stand.append('short', 8);
	await until(async () => (await stand.seen()).length === 4);
	expect(gaps).toHaveLength(1);
});

test('a consumer of a log that was emptied is told, and begins again', async () => {
	await stand.append('a', 1, 2, 3);
	await stand.sql`insert into consumers (name, topic, position) values ('test', 'a', 3000)`;
	const gaps: ConsumerGap[] = [];
	stand.consume(await stand.logline(), ['a'], { onGap: (gap) => gaps.push(gap) });
	await until(async () => (await stand.seen()).length === 3);
	expect(gaps).toEqual([{ topic: 'a', after: '3000', oldest: null }]);
});

test('what failed in a log that was emptied is never tried with the events that have its ids now', async () => {
	await stand.append('a', 1, 2, 3);
	await stand.sql`insert into consumers (name, topic, position) values ('test', 'a', 3000)`;
	await failed(2, 'a');
	await failed(500, 'a');
	stand.consume(await stand.logline(), ['a'], { onGap: () => {} });
	await until(async () => (await stand.seen()).length >= 3);
	await until(async () => (await failures()).length === 0, { what: 'nothing is tried again' });
	expect(await stand.seen()).toEqual([1, 2, 3]);
	expect(await letters()).toEqual([]);
});

test('an event of another topic that has the id of a failed one is neither handled nor set aside in its place', async () => {
	await stand.sql`insert into events (topic, user_id, data) values ('b', 'eve', '"secret"')`;
	await stand.sql`insert into consumers (name, topic, position) values ('test', 'a', 1)`;
	await failed(1, 'a');
	stand.consume(await stand.logline(), ['a']);
	await until(async () => (await failures()).length === 0, { what: 'nothing is tried again' });
	expect(await stand.seen()).toEqual([]);
	expect(await letters()).toEqual([
		{
			topic: 'a',
			user_id: null,
			data: null,
			error: 'It was trimmed before it could be handled.'
		}
	]);
});

test('what a handler said of an event that was trimmed since is not kept: nobody knows any more about whom it was', async () => {
	await stand.append('a', 1, 2);
	await stand.sql`insert into consumers (name, topic, position) values ('test', 'a', 2)`;
	await failed(1, 'a', 'no mail to ann@example.com');
	await stand.sql`delete from events where id = 1`;
	stand.consume(await stand.logline(), ['a']);
	await until(async () => (await letters()).length === 1, { what: 'it is set aside' });
	expect(JSON.stringify(await letters())).not.toContain('ann');
	expect(await failures()).toEqual([]);
});

test('a consumer is told of each gap of a log that was emptied, also where the old one had a gap', async () => {
	const gaps: string[] = [];
	const trimmedTo = (id: number) =>
		stand.sql`insert into topic_horizons (topic, audience, horizon) values ('a', '', ${id})`;
	await trimmedTo(5);
	await stand.append('a', ...Array.from({ length: 6 }, () => 'old'));
	stand.consume(await stand.logline(), ['a'], { onGap: ({ after }) => gaps.push(after) });
	await until(async () => (await stand.seen()).length === 6);
	await stand.sql`truncate events, topic_horizons`;
	await stand.sql`select setval('events_id_seq', 1, false)`;
	await until(() => gaps.length === 2, { what: 'the consumer begins again' });
	await trimmedTo(3);
	await stand.append('a', 'new');
	await until(async () => (await stand.seen()).length === 7);
	expect(gaps).toEqual(['0', '6', '0']);
});

test('logline_consumers tells how far each is, and what failed', async () => {
	await append('a', 1, '1 hour');
	await append('b', 2, '0 s');
	await append('a', 3, '0 s');
	await stopAt('a', 0);
	await stopAt('rooms/*/messages', 3);
	await stand.sql`insert into consumer_failures (name, event_id, topic, attempts, next_at, error) values ('slow', 1, 'rooms/7/messages', 1, now(), 'x')`;
	await stand.sql`insert into dead_letters (consumer, event_id, topic, data, created_at, error) values ('slow', 1, 'a', '1', now(), 'x')`;
	const rows =
		await stand.sql`select topic, position::int, events_behind::int, seconds_behind::int, failures::int, dead_letters::int
		from logline_consumers order by topic`;
	expect([...rows]).toEqual([
		{
			topic: 'a',
			position: 0,
			events_behind: 2,
			seconds_behind: expect.any(Number),
			failures: 0,
			dead_letters: 1
		},
		{
			topic: 'rooms/*/messages',
			position: 3,
			events_behind: 0,
			seconds_behind: 0,
			failures: 1,
			dead_letters: 0
		}
	]);
	expect(rows[0]!.seconds_behind).toBeGreaterThan(3500);
});
