import { afterAll, beforeAll, expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import type { Queryable } from '../../src/lib/server/index.ts';
import { READ_BY_INDEX } from '../../src/lib/server/database/read-by-index.ts';
import type { ListedRow } from '../../src/lib/server/log/page.ts';
import { PageSize, type PageBounds } from '../../src/lib/server/log/page-size.ts';
import {
	readPage,
	readWindowStarts,
	type TopicsPage,
	type TopicStart
} from '../../src/lib/server/log/read.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { queryable } from '../support/queryable.ts';
import { argumentsOf, noting, type Statement } from './plans.ts';

/** Repeats a failed run: the name of each random test has its seed. */
const SEED = Number(process.env.LOGLINE_SEED ?? Date.now() % 1_000_000);
const TOPICS = Array.from({ length: 300 }, (_, i) => `t${i}`);
/** The events lie on both sides of the border of two partitions. */
const BEFORE = 4_998_000;

let database: TestDatabase;
let sql: Sql;
let on: Queryable;
let head: bigint;
/** Cursors before a burst. */
const bursts: bigint[] = [];

interface Query {
	userId: string | null;
	starts: TopicStart[];
	to: bigint;
}

beforeAll(async () => {
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 1, name: 'test many topics', settings: READ_BY_INDEX });
	on = queryable(sql);
	await sql`select setval('events_id_seq', ${BEFORE})`;
	const random = randomBy(SEED);
	const topics: string[] = [];
	for (let i = 0; i < 8; i++) {
		topics.push(...inTurns(random));
		bursts.push(BigInt(BEFORE + topics.length));
		topics.push(...inBursts(random));
	}
	const rows = topics.map((topic) => ({
		topic,
		user: random() < 0.8 ? null : String(1 + Math.floor(random() * 5)),
		length: random() < 0.95 ? 20 : random() < 0.9 ? 3000 : 60_000
	}));
	await insert(rows);
	await sql`delete from events where hashint8(id) % 7 = 0`;
	await sql`vacuum analyze events`;
});

afterAll(async () => {
	await sql.end();
	await database.drop();
});

async function insert(rows: { topic?: string; user: string | null; length: number }[]) {
	await sql`
		insert into events (topic, user_id, data)
		select topic, "user", jsonb_build_object('text', repeat('x', length))
		from json_to_recordset(${JSON.stringify(rows)}::text::json) as row(topic text, "user" text, length int)`;
	const [row] = await sql<{ head: string }[]>`select max(id)::text as head from events`;
	head = BigInt(row!.head);
}

/** A random number generator with a seed (mulberry32). */
function randomBy(seed: number): () => number {
	return () => {
		seed = (seed + 0x6d2b79f5) | 0;
		let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
	};
}

/** Topics take turns, some more often than others. */
const inTurns = (random: () => number) =>
	Array.from({ length: 100 }, () => TOPICS[skewed(random, TOPICS.length)]!);

/**
 * One topic has many events at once, then a few topics have some, then others. So a page reads on in these few topics, and
 * may find the first one cut off before it has come to the others.
 */
const inBursts = (random: () => number) =>
	TOPICS.slice(0, 15 + Math.floor(45 * random())).flatMap((topic, i) =>
		new Array<string>(i === 0 ? 150 : 14).fill(topic)
	);

const shuffled = (topics: readonly string[], random: () => number) =>
	topics
		.map((topic) => ({ topic, at: random() }))
		.sort((a, b) => a.at - b.at)
		.map(({ topic }) => topic);

/** Returns a number below `count`. Small ones are much more frequent, as with real topics. */
const skewed = (random: () => number, count: number) => Math.floor(count ** random()) - 1;

const startsOf = (topics: readonly string[], after: bigint): TopicStart[] =>
	topics.map((topic) => ({ topic, after }));

interface Read {
	page: TopicsPage;
	/** Rows that the page may have. */
	rows: number;
	/** Number of topics that were looked at. */
	topics: number;
}

/**
 * Reads all pages.
 *
 * @param plain true: each page starts in all topics where the last one ended, without what that page has found out
 */
async function readAll(
	query: Query,
	bounds: PageBounds,
	{ each = () => {}, plain = false }: { each?: (read: Read) => void; plain?: boolean } = {}
): Promise<{ id: string; data: string | null }[]> {
	const size = new PageSize(bounds);
	const events: { id: string; data: string | null }[] = [];
	let { starts }: { starts: readonly TopicStart[] } = query;
	for (;;) {
		const { rows } = size;
		const asked: Statement[] = [];
		const page = await readPage(noting(on, asked), { ...query, starts, size });
		const topics = starts.filter(({ topic }) => argumentsOf(asked[0]!).includes(topic)).length;
		each({ page, rows, topics });
		events.push(...page.events.map(({ id, data }) => ({ id: id.toString(), data })));
		const { last } = page;
		if (!page.more || last === null) return events;
		starts = plain
			? starts.map(({ topic, after }) => ({ topic, after: after > last ? after : last }))
			: page.next;
	}
}

/** The same events by the plainest statement. */
async function expected({ userId, starts, to }: Query): Promise<ListedRow[]> {
	return sql`
		select id::text, data::text from events
			join json_to_recordset(${JSON.stringify(starts.map(({ topic, after }) => ({ topic, after: String(after) })))}::text::json)
				as start(topic text, after bigint) using (topic)
		where (user_id is null or user_id = ${userId}) and id > after and id <= ${to.toString()}
		order by events.id`;
}

test(`a client gets exactly its events, in order, whatever its topics, its cursor and the size of its pages (seed ${SEED})`, async () => {
	const random = randomBy(SEED + 1);
	const anyId = () => BigInt(BEFORE + Math.floor(random() * Number(head - BigInt(BEFORE))));
	for (let run = 0; run < 40; run++) {
		const names = random() < 0.5 ? TOPICS : shuffled(TOPICS, random);
		const count = 1 + Math.floor(TOPICS.length ** random());
		const cursor = random() < 0.5 ? anyId() : bursts[Math.floor(bursts.length * random())]!;
		const query = {
			userId: random() < 0.1 ? null : String(1 + Math.floor(random() * 6)),
			starts: [...names.slice(0, count), 'none'].map((topic) => {
				return { topic, after: random() < 0.8 ? cursor : random() < 0.5 ? 0n : anyId() };
			}),
			to: random() < 0.5 ? head : anyId()
		};
		const most =
			random() < 0.5 ? 1 + Math.floor(1000 ** random()) : 60 + Math.floor(240 * random());
		const bounds = {
			most,
			first: Math.ceil(most * random()),
			bytes: 20_000 + Math.floor(1_000_000 * random())
		};
		const events = await readAll(query, bounds, {
			plain: random() < 0.5,
			each: ({ page, rows }) => expect(page.rows.length).toBeLessThanOrEqual(rows)
		});
		expect(events, `run ${run}`).toEqual([...(await expected(query))]);
	}
});

test('a page that cannot follow one topic further ends there, and the next one goes on in all topics', async () => {
	const topics = Array.from({ length: 20 }, (_, i) => `cut${i}`);
	const from = head;
	// The last step reads on in five topics, and finds 4 + 8 + 25 events of the first one.
	const rows = topics.flatMap((topic, i) => new Array<string>(i === 0 ? 100 : 12).fill(topic));
	await insert(rows.map((topic) => ({ topic, user: null, length: 20 })));
	const query = { userId: null, starts: startsOf(topics, from), to: head };
	const pages: number[] = [];
	const bounds = { most: 64, bytes: 1_000_000 };
	const each = ({ page }: Read) => void pages.push(page.rows.length);
	expect(await readAll(query, bounds, { each })).toEqual([...(await expected(query))]);
	expect(pages.slice(0, 4)).toEqual([37, 64, 64, 64]);
});

test('a client that has missed much of one topic, among hundreds where nothing happens, gets it in full pages', async () => {
	const quiet = Array.from({ length: 500 }, (_, i) => `quiet${i}`);
	const query = { userId: '1', starts: startsOf(['t0', ...quiet], 0n), to: head };
	const looked: number[] = [];
	const events = await readAll(
		query,
		{ most: 128, bytes: 10_000_000 },
		{
			each: ({ page, rows, topics }) => {
				if (page.more) expect(page.rows).toHaveLength(rows);
				looked.push(topics);
			}
		}
	);
	expect(events).toEqual([...(await expected(query))]);
	expect(looked.length).toBeGreaterThan(3);
	// Where nothing has happened is looked at once.
	expect(looked).toEqual([501, ...looked.slice(1).map(() => 1)]);
});

test('where hundreds of topics have an event now and then, a page looks only at those that have one soon', async () => {
	const quiet = Array.from({ length: 300 }, (_, i) => `now-and-then${i}.`);
	const from = head;
	await insert(
		Array.from({ length: 6000 }, (_, i) => {
			return { topic: i % 20 === 7 ? quiet[(i - 7) / 20] : 'busy', user: null, length: 20 };
		})
	);
	const query = { userId: '1', starts: startsOf(['busy', ...quiet], from), to: head };
	const looked: number[] = [];
	const each = ({ page, rows, topics }: Read) => {
		looked.push(topics);
		if (page.more) expect(page.rows).toHaveLength(rows);
	};
	const events = await readAll(query, { most: 500, bytes: 10_000_000 }, { each });
	expect(events).toEqual([...(await expected(query))]);
	// A page has events of 25 of them.
	expect(looked[0]).toBe(301);
	for (const topics of looked.slice(1)) expect(topics).toBeLessThanOrEqual(2 * 25 + 2);
});

test('events that are deleted while a page is read leave out no others', async () => {
	const topics = Array.from({ length: 20 }, (_, i) => `deleted${i}`);
	const from = head;
	// Too large for the list: their data is read by a second statement.
	await insert(
		Array.from({ length: 100 }, (_, i) => ({ topic: topics[i % 20], user: null, length: 400_000 }))
	);
	const query = { userId: '1', starts: startsOf(topics, from), to: head };
	const kept = (await expected(query)).filter(({ id }) => BigInt(id) % 3n !== 0n);
	let statements = 0;
	const deleting: Queryable = {
		query: async (text, parameters) => {
			if (++statements === 2)
				await sql`delete from events where id > ${from.toString()} and id % 3 = 0`;
			return on.query(text, parameters);
		}
	};
	const size = new PageSize({ most: 40, bytes: 8_000_000 });
	const first = await readPage(deleting, { ...query, size });
	expect(first).toMatchObject({ missing: true, more: true, last: from + 19n });
	const starts = startsOf(topics, first.last!);
	const rest = await readAll({ ...query, starts }, { most: 40, bytes: 8_000_000 });
	expect([...first.events.map(({ id }) => id.toString()), ...rest.map(({ id }) => id)]).toEqual(
		kept.map(({ id }) => id)
	);
});

test('the newest few events of each of hundreds of topics are found for each user', async () => {
	const random = randomBy(SEED + 2);
	for (const userId of [null, '1', 'nobody']) {
		const topics = [...TOPICS, 'none'].map((topic) => ({
			topic,
			last: Math.floor(40 * random()),
			...(random() < 0.5 ? {} : { to: BigInt(BEFORE + Math.floor(random() * 8200)) })
		}));
		const starts = await readWindowStarts(on, { userId, topics });
		const asked = topics.map(({ to, ...rest }) => ({ ...rest, upto: String(to ?? head) }));
		const plain = await sql<{ topic: string; start: string }[]>`
			select topic, coalesce((
				select id from events e where e.topic = asked.topic and (user_id is null or user_id = ${userId}) and id <= upto
				order by id desc offset last limit 1
			), 0)::text as start
			from json_to_recordset(${JSON.stringify(asked)}::text::json) as asked(topic text, last int, upto bigint)`;
		expect(starts).toEqual(new Map(plain.map(({ topic, start }) => [topic, BigInt(start)])));
	}
	expect(await readWindowStarts(on, { userId: '1', topics: [] })).toEqual(new Map());
});
