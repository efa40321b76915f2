/** A membership table of the application's own gives grants, and what a person at psql can ask about them. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { createRegistry } from '../../src/lib/protocol/index.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { declareTopics } from '../../src/lib/server/log/declarations.ts';
import { TEST_TOPICS } from '../support/app-server.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let sql: Sql;

beforeAll(async () => {
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 2, name: 'test sql' });
	const connection = new SoleConnection(database.url, { name: 'declare' });
	const anything = TEST_TOPICS.get('a')!.schema;
	await declareTopics(
		connection,
		createRegistry([
			Object.fromEntries(TEST_TOPICS),
			{ feed: { schema: anything, access: () => true } }
		])
	);
	await connection.end();
});
afterAll(async () => {
	await sql.end();
	await database.drop();
});
beforeEach(async () => {
	await sql`drop table if exists "room members"`;
	await sql`truncate grants, grant_history, grant_losses, outbox`;
	await sql`delete from grant_losses`;
	await sql`create table "room members" (room_id int, member text, role text, primary key (member, room_id))`;
});

const follow = async (scope = 'rooms/{room_id}') =>
	Number((await sql`select logline_grants_from('"room members"', ${scope}, 'member') as n`)[0]!.n);
const granted = async () =>
	(await sql`select scope, user_id from grants order by scope, user_id`).map(
		({ scope, user_id }) => `${scope} ${user_id}`
	);
const join = (room: number, ...members: string[]) =>
	sql`insert into "room members" select ${room}, unnest(${members}::text[]), 'member'`;

test('members of now and of later are granted, whatever statement changes the table', async () => {
	await join(1, 'ann', 'bob');
	expect(await follow()).toBe(2);
	await join(2, 'ann');
	expect(await granted()).toEqual(['rooms/1 ann', 'rooms/1 bob', 'rooms/2 ann']);
	await sql`update "room members" set role = 'admin'`;
	expect(await sql`select from grant_losses`).toHaveLength(0);
	await sql`update "room members" set room_id = 3 where member = 'bob'`;
	await sql`delete from "room members" where member = 'ann' and room_id = 1`;
	expect(await granted()).toEqual(['rooms/2 ann', 'rooms/3 bob']);
	await sql`insert into grants (scope, user_id) values ('rooms/9', 'eve')`;
	await sql`truncate "room members"`;
	expect(await granted()).toEqual(['rooms/9 eve']);
});

test('said twice, it is the same', async () => {
	await follow();
	await follow();
	await join(1, 'ann');
	expect(await granted()).toEqual(['rooms/1 ann']);
});

test.each([
	['rooms/{room}', /does not fit the table/, /no column room/],
	['rooms/7', /does not fit the table/, /in braces/],
	['rooms/{role}', /several rows/, /unique/],
	['{room_id}', /not a scope/, /beginning of a topic/]
])('a person who says %s is told what is wrong', async (scope, message, hint) => {
	await expect(follow(scope)).rejects.toMatchObject({
		message: expect.stringMatching(message) as unknown,
		hint: expect.stringMatching(hint) as unknown
	});
});

test('a row whose scope is no topic is refused, and nothing is half done', async () => {
	await follow('house/{room_id}');
	await expect(join(1, 'ann')).rejects.toMatchObject({ code: '23514' });
	expect(await sql`select from "room members"`).toHaveLength(0);
});

test('the database says why a user gets an event, or does not', async () => {
	const append = async (topic: string, user: string | null = null) =>
		(
			await sql`insert into events (topic, user_id, data) values (${topic}, ${user}, '1') returning id::text`
		)[0]!.id as string;
	const explain = async (id: string, user = 'ann') =>
		Object.fromEntries(
			(await sql`select gate, passes from logline_explain(${id}, ${user})`).map(
				({ gate, passes }) => [gate as string, passes as boolean | null]
			)
		);
	const relay = () => sql`select logline_relay()`;
	const [free, rule, own] = [await append('a'), await append('feed'), await append('a', 'bob')];
	expect(await explain(free)).toEqual({
		retained: true,
		declared: true,
		audience: true,
		access: true,
		stream: false
	});
	expect(await explain(rule)).toMatchObject({ access: null });
	expect(await explain(own)).toMatchObject({ audience: false });
	expect(await explain('999999')).toEqual({ retained: false });
	const before = await append('clubs/1/news');
	await sql`insert into grants (scope, user_id) values ('clubs/1', 'ann'), ('rooms/1', 'ann')`;
	await relay();
	const during = await append('clubs/1/news');
	expect(await explain(before)).toMatchObject({
		access: true,
		history: false,
		'access then': false
	});
	expect(await explain(during)).toMatchObject({ access: true, history: true, 'access then': true });
	expect(await explain(during, 'bob')).toMatchObject({ access: false, history: false });
	await sql`delete from grants`;
	await relay();
	expect(await explain(during)).toMatchObject({ access: false, 'access then': true });
	await sql`delete from events where id = ${free}`;
	expect(await explain(free)).toEqual({ retained: false });
	const topics =
		await sql`select topic, pattern, access from logline_topics where topic like 'clubs%'`;
	expect([...topics]).toEqual([
		{ topic: 'clubs/1/news', pattern: 'clubs/[club]/news', access: 'granted' }
	]);
});
