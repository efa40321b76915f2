/** What a captured table tells is what it has, and rows can always leave it. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
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
	await declareTopics(connection, TEST_TOPICS);
	await connection.end();
});
afterAll(async () => {
	await sql.end();
	await database.drop();
});
beforeEach(async () => {
	await sql`truncate outbox`;
	await sql.unsafe(`drop table if exists todo cascade;
		create table todo (id int primary key, title text, rank int, room text, doc jsonb, raw json)`);
});

interface Told {
	op: string;
	row: Record<string, unknown>;
	old?: Record<string, unknown>;
}
/** What was told since the last call. */
async function told() {
	const rows = await sql<{ topic: string; data: Told; n: string }[]>`
		with t as (delete from outbox returning topic, data, n) select * from t order by n`;
	return rows.map(({ topic, data: { op, row, old } }) => [topic, op, row, ...(old ? [old] : [])]);
}
/** The rows of a subscriber who only follows what is told. */
async function followed() {
	const rows = new Map<unknown, unknown>();
	for (const [, op, row] of await told()) {
		const { id } = row as { id: number };
		if (op === 'delete') rows.delete(id);
		else rows.set(id, row);
	}
	return [...rows.values()];
}
const refused = (work: Promise<unknown>, message: RegExp, hint: RegExp) =>
	expect(work).rejects.toMatchObject({
		message: expect.stringMatching(message) as unknown,
		hint: expect.stringMatching(hint) as unknown
	});
const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

describe('who follows a captured table has its rows', () => {
	const atOnce = (when: string, body: string) =>
		sql.unsafe(`create or replace function at_once() returns trigger language plpgsql as
			$$ begin if pg_trigger_depth() = 1 then ${body}; end if; return null; end $$;
			create trigger at_once ${when} on todo for each row execute function at_once()`);

	test.each([
		['after insert', 'updates the row', 'update todo set rank = new.id * 10 where id = new.id'],
		['after insert', 'deletes the row', 'delete from todo where id = new.id'],
		['after insert', 'deletes later rows', 'delete from todo where id > new.id'],
		['after insert', 'updates later rows', 'update todo set rank = id where id > new.id'],
		['after insert', 'renumbers the row', 'update todo set id = id + 100 where id = new.id'],
		['after insert', 'moves a row', `update todo set room = 'away' where id = 2`],
		['after update', 'updates the row', 'update todo set rank = new.id * 10 where id = new.id'],
		['after update', 'undoes it', `update todo set title = old.title where id = old.id`],
		['after update', 'deletes the row', 'delete from todo where id = new.id'],
		['after delete', 'brings the row back', `insert into todo (id, title) values (old.id, 'back')`]
	])('although a trigger %s %s', async (when, _, body) => {
		await sql`select logline_capture('todo', 'a', columns => '{id, title, rank, room}')`;
		await atOnce(when, body);
		await sql`insert into todo (id, title) values (1, 'one'), (2, 'two'), (3, 'three')`;
		await sql`update todo set title = title || '!' where id > 1`;
		await sql`delete from todo where id = 3`;
		const rows = [...(await sql`select id, title, rank, room from todo order by id`)];
		const seen = (await followed()) as { id: number }[];
		expect(seen.sort((a, b) => a.id - b.id)).toEqual(rows);
	});

	test('and what is told twice is told as it is at last', async () => {
		await sql`select logline_capture('todo', 'a', columns => '{id, rank}')`;
		await atOnce('after insert', 'update todo set rank = 10 where id = new.id');
		await sql`insert into todo (id) values (1)`;
		expect(await told()).toEqual([
			['a', 'update', { id: 1, rank: 10 }, { rank: null }],
			['a', 'insert', { id: 1, rank: 10 }]
		]);
	});

	test('in the order of the statement', async () => {
		await sql`select logline_capture('todo', 'a', columns => '{id}')`;
		await sql`insert into todo (id) select (n * 7919) % 1000 from generate_series(1, 1000) n`;
		expect((await told()).map(([, , row]) => (row as { id: number }).id)).toEqual(
			Array.from({ length: 1000 }, (_, n) => ((n + 1) * 7919) % 1000)
		);
	});

	test.each([
		['varchar(10)', `'a'`],
		['char(5)', `'a'`],
		['uuid', `'6f1c1a5e-0000-4000-8000-000000000001'`],
		['numeric', '1.5'],
		['timestamptz', `'2026-01-01 00:00Z'`],
		['int[]', `'{1,2}'`],
		['short', `'a'`],
		['kind', `'a'`]
	])('also when its key is of type %s, and whatever the table is called', async (type, value) => {
		for (const name of ['added', 'removed', 'told', 'c', 'o', 'r', 'rows']) {
			await sql.unsafe(`create domain short as text; create type kind as enum ('a', 'b');
				create table ${name} (k ${type}, n int, primary key (k, n)); select logline_capture('${name}', 'a')`);
			try {
				await sql.unsafe(`insert into ${name} values (${value}, 1), (${value}, 2)`);
				await sql.unsafe(`update ${name} set n = 3 where n = 2`);
				await sql.unsafe(`delete from ${name}`);
				expect((await told()).map(([, op, row]) => [op, (row as { n: number }).n])).toEqual([
					['insert', 1],
					['insert', 2],
					['delete', 2],
					['insert', 3],
					['delete', 1],
					['delete', 3]
				]);
			} finally {
				await sql.unsafe(`drop table ${name}; drop domain short; drop type kind`);
			}
		}
	});

	test('also when its primary key includes other columns', async () => {
		await sql`alter table todo drop constraint todo_pkey, add primary key (id) include (title)`;
		await sql`select logline_capture('todo', 'a', columns => '{id, title}')`;
		await sql`insert into todo (id, title) values (1, 'one')`;
		await sql`update todo set title = 'two'`;
		expect((await told()).slice(1)).toEqual([
			['a', 'update', { id: 1, title: 'two' }, { title: 'one' }]
		]);
	});

	test('also when the owner of the log may not read the table', async () => {
		await sql.unsafe(`drop role if exists todo_owner; create role todo_owner;
			create schema owned authorization todo_owner; set role todo_owner;
			create table owned.t (id int primary key, note text); reset role;
			select logline_capture('owned.t', 'a')`);
		try {
			await sql.begin(async (tx) => {
				await tx`set local role todo_owner`;
				await tx`insert into owned.t values (3, 'x'), (1, 'y'), (2, 'z')`;
				await tx`update owned.t set note = 'w' where id = 1`;
				await tx`update owned.t set id = 5 where id = 1`;
				await tx`delete from owned.t where id > 2`;
			});
			expect((await told()).map(([, op, row]) => [op, (row as { id: number }).id])).toEqual([
				['insert', 3],
				['insert', 1],
				['insert', 2],
				['update', 1],
				['delete', 1],
				['insert', 5],
				['delete', 3],
				['delete', 5]
			]);
		} finally {
			await sql.unsafe(`drop schema owned cascade; drop role todo_owner`);
		}
	});
});

describe('a row leaves a captured table', () => {
	test('although it is too large or too deep: its primary key is told', async () => {
		await sql`insert into todo (id, title) values (1, repeat('x', 2000000))`;
		await sql`insert into todo (id, doc) values (2, ${deep(300)}::text::jsonb)`;
		await sql`insert into todo (id, title) values (3, 'small')`;
		await sql`select logline_capture('todo', 'a', columns => '{id, title, doc}')`;
		await sql`delete from todo`;
		expect(await told()).toEqual([
			['a', 'delete', { id: 1 }],
			['a', 'delete', { id: 2 }],
			['a', 'delete', { id: 3, title: 'small', doc: null }]
		]);
	});

	test('and nothing of it is told when its primary key is not to be published', async () => {
		await sql`insert into todo (id, title) values (1, repeat('x', 2000000))`;
		await sql`select logline_capture('todo', 'a', columns => '{title}')`;
		await sql`delete from todo`;
		expect(await told()).toEqual([['a', 'delete', {}]]);
	});

	test('or shrinks: its former values are left out, and a row that stays too large is refused', async () => {
		await sql`insert into todo (id, title) values (1, repeat('x', 2000000))`;
		await sql`insert into todo (id, doc) values (2, ${deep(300)}::text::jsonb)`;
		await sql`select logline_capture('todo', 'a', columns => '{id, title, doc}')`;
		await refused(
			Promise.resolve(sql`update todo set title = title || 'y' where id = 1`),
			/a row of todo makes an event of 2000\d+ octets/,
			/without =>/
		);
		await refused(
			Promise.resolve(sql`update todo set title = 'y' where id = 2`),
			/a row of todo makes an event that is nested too deeply/,
			/199 deep/
		);
		await sql`update todo set title = 'fixed', doc = null`;
		expect(await told()).toEqual([
			['a', 'update', { id: 1, title: 'fixed', doc: null }],
			['a', 'update', { id: 2, title: 'fixed', doc: null }]
		]);
	});

	test.each(['before', 'in the same transaction'])(
		'whose topic has ended (%s), and nothing is told; no row comes to it',
		async (when) => {
			const room = when === 'before' ? 'r1' : 'r2';
			const topic = `rooms/${room}/messages`;
			await sql`select logline_capture('todo', 'rooms/{room}/messages', columns => '{id}')`;
			await sql`insert into todo (id, room) values (1, ${room}), (2, ${room}), (3, 'other')`;
			await told();
			if (when === 'before') await sql`select logline_end(${topic})`;
			await sql.begin(async (tx) => {
				await tx`delete from todo where id = 3`;
				if (when !== 'before') await tx`select logline_end(${topic})`;
				await tx`delete from todo where id = 1`;
				await tx`update todo set room = 'other' where id = 2`;
			});
			expect((await told()).filter(([topic]) => topic !== '$ended')).toEqual([
				['rooms/other/messages', 'delete', { id: 3 }],
				['rooms/other/messages', 'insert', { id: 2 }]
			]);
			if (when === 'before') {
				await refused(
					Promise.resolve(sql`update todo set room = ${room}`),
					/has ended/,
					/no more events/
				);
			}
		}
	);

	test('with JSON that no event can have, which is refused when it comes', async () => {
		const wrong = String.raw`{"c": "\u0000"}`;
		await sql`insert into todo (id, raw) values (1, ${wrong}::text::json)`;
		await sql`select logline_capture('todo', 'a', columns => '{id, raw}')`;
		await refused(
			Promise.resolve(sql`insert into todo (id, raw) values (2, ${wrong}::text::json)`),
			/the value in column raw of todo cannot be part of an event/,
			/U\+0000.*without => '\{raw\}'/
		);
		await sql`delete from todo`;
		await sql`insert into todo (id, raw) values (2, '{"b": 1}')`;
		expect(await told()).toEqual([
			['a', 'delete', { id: 1, raw: null }],
			['a', 'insert', { id: 2, raw: { b: 1 } }]
		]);
	});
});

test('who owns a captured table does not become the owner of the log', async () => {
	await sql.unsafe(`drop role if exists capture_owner; create role capture_owner;
		create schema owned authorization capture_owner; set role capture_owner;
		create table owned.t (id int primary key, room text); reset role;
		select logline_capture('owned.t', 'rooms/{room}/messages');
		set role capture_owner;
		create table owned.ran (who text); grant all on owned.ran to public;
		create type owned.evil as enum ('a', 'b');
		create type owned.pair as (x int, y owned.evil);
		create function owned.pwn(owned.evil) returns json language plpgsql as
			$$ begin insert into owned.ran values (current_user); return '"x"'; end $$;
		create function owned.pwn_text(owned.evil) returns text language plpgsql as
			$$ begin insert into owned.ran values (current_user); return 'x'; end $$;
		create cast (owned.evil as json) with function owned.pwn(owned.evil);
		create cast (owned.evil as text) with function owned.pwn_text(owned.evil);
		create function owned.pwn_index(int) returns boolean immutable language plpgsql as
			$$ begin if current_user <> 'capture_owner' then raise 'ran as %', current_user; end if; return true; end $$;
		alter table owned.t drop column room, add room owned.evil, add e owned.evil, add many owned.evil[], add p owned.pair;
		create index on owned.t (id) where owned.pwn_index(1);
		reset role`);
	try {
		await sql.begin(async (tx) => {
			await tx`set local role capture_owner`;
			await tx`insert into owned.t (id, room, e, many, p) values (1, 'a', 'b', '{a,b}', '(1,a)'), (2, null, null, null, null)`;
			await tx`update owned.t set e = 'a', room = 'a'`;
			await tx`delete from owned.t`;
		});
		const topic = 'rooms/a/messages';
		const one = { id: 1, room: 'a', e: 'a', many: ['a', 'b'], p: '(1,a)' };
		const two = { id: 2, room: 'a', e: 'a', many: null, p: null };
		expect(await told()).toEqual([
			[topic, 'insert', { ...one, e: 'b' }],
			[topic, 'update', one, { e: 'b' }],
			[topic, 'insert', two],
			[topic, 'delete', one],
			[topic, 'delete', two]
		]);
		expect(await sql`select who from owned.ran`).toHaveLength(0);
	} finally {
		await sql.unsafe(`drop schema owned cascade; drop role capture_owner`);
	}
});
