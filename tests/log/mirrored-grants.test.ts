/** Grants follow their table as it is: several scopes, renames, triggers of the application, and the end of it. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Sql } from '../../src/app/driver-client.ts';
import { openFollowedTables, refused, type FollowedTables } from '../support/followed-tables.ts';

let tables: FollowedTables;
let sql: Sql;

beforeAll(async () => {
	tables = await openFollowedTables(`drop table if exists members, guests;
		create table members (room text, user_id text, note text, unique (room, user_id))`);
	sql = tables.sql;
});
afterAll(() => tables.close());
beforeEach(() => tables.reset());

describe('who is removed loses every grant', () => {
	test('of a table that gives grants for two scopes', async () => {
		await tables.follow();
		await tables.join('x', 'ann');
		await tables.follow('clubs/{room}');
		await tables.join('y', 'bob');
		expect(await tables.granted()).toEqual([
			'clubs/x ann',
			'clubs/y bob',
			'rooms/x ann',
			'rooms/y bob'
		]);
		await sql`delete from members where user_id = 'ann'`;
		expect(await tables.granted()).toEqual(['clubs/y bob', 'rooms/y bob']);
		await sql`truncate members`;
		expect(await tables.granted()).toEqual([]);
	});

	test.each([false, true])('of a table that was renamed (said again: %s)', async (again) => {
		await tables.follow();
		await tables.join('x', 'ann');
		await sql`alter table members rename to guests`;
		if (again) await tables.follow(undefined, 'guests');
		await tables.join('x', 'bob', 'guests');
		expect(await tables.granted()).toEqual(['rooms/x ann', 'rooms/x bob']);
		await sql`delete from guests where user_id = 'ann'`;
		expect(await tables.granted()).toEqual(['rooms/x bob']);
	});

	test('also when another table has come to the name of the renamed one', async () => {
		await tables.follow();
		await tables.join('x', 'ann');
		await sql`alter table members rename to guests`;
		await sql`create table members (room text, user_id text, unique (room, user_id))`;
		await tables.follow();
		await tables.join('x', 'ann');
		await sql`delete from members`;
		expect(await tables.granted()).toEqual(['rooms/x ann']);
		await sql`delete from guests`;
		expect(await tables.granted()).toEqual([]);
	});

	test.each([
		['deletes the row', `delete from members where user_id = new.user_id`, []],
		['moves the row', `update members set room = 'z' where room = 'x'`, ['rooms/z ann']],
		[
			'deletes rows of the same statement that come later',
			`delete from members where user_id > new.user_id`,
			['rooms/x ann']
		]
	])('although a trigger of the table %s at once', async (_, body, left) => {
		await tables.follow();
		await sql.unsafe(`create or replace function at_once() returns trigger language plpgsql as
			$$ begin ${body}; return null; end $$;
			create trigger at_once after insert on members for each row execute function at_once()`);
		await sql`insert into members values ('x', 'ann'), ('x', 'bob')`;
		const rows = await sql`select distinct room, user_id from members order by room, user_id`;
		expect(await tables.granted()).toEqual(
			rows.map(({ room, user_id }) => `rooms/${room} ${user_id}`)
		);
		expect(await tables.granted()).toEqual(expect.arrayContaining(left));
	});

	test('and keeps it when a trigger of the table brings the row back', async () => {
		await tables.follow();
		await tables.join('x', 'ann');
		await sql.unsafe(`create or replace function at_once() returns trigger language plpgsql as
			$$ begin insert into members select old.*; return null; end $$;
			create trigger at_once after delete on members for each row execute function at_once()`);
		await sql`delete from members`;
		expect(await tables.granted()).toEqual(['rooms/x ann']);
	});

	test.each(['added', 'removed', 'sides', 'pairs', 'grants'])(
		'of a table that is called %s',
		async (name) => {
			await sql.unsafe(`create schema other; create table other.${name} (room text, user_id varchar, unique (room, user_id));
				select logline_grants_from('other.${name}', 'rooms/{room}');
				insert into other.${name} values ('x', 'ann'), ('x', 'bob'); update other.${name} set room = 'y' where user_id = 'ann'`);
			expect(await tables.granted()).toEqual(['rooms/x bob', 'rooms/y ann']);
			await sql.unsafe(`delete from other.${name}`);
			expect(await tables.granted()).toEqual([]);
			await sql.unsafe(`drop schema other cascade`);
			if (name === 'grants') return;
			await sql.unsafe(`create table ${name} (room text, user_id varchar, unique (room, user_id));
				select logline_grants_from('${name}', 'rooms/{room}'); insert into ${name} values ('x', 'ann'), ('x', 'bob');
				update ${name} set room = 'y' where user_id = 'ann'; delete from ${name} where user_id = 'bob'`);
			expect(await tables.granted()).toEqual(['rooms/y ann']);
			await sql.unsafe(`drop table ${name}`);
		}
	);

	test('whose table is no longer followed', async () => {
		await tables.follow();
		await tables.follow('clubs/{room}');
		await tables.join('x', 'ann');
		await sql`insert into grants (scope, user_id) values ('rooms/x', 'eve')`;
		expect(await tables.stop()).toBe(1);
		await tables.join('y', 'bob');
		expect(await tables.granted()).toEqual(['clubs/x ann', 'clubs/y bob', 'rooms/x eve']);
		await refused(
			tables.stop(),
			/members does not give grants for "rooms\/\{room\}" to the users in user_id/,
			/It gives: 'clubs\/\{room\}', 'user_id'/
		);
	});

	test('of a dropped table when a table with its name is followed', async () => {
		await tables.follow();
		await tables.join('x', 'ann');
		await sql`drop table members`;
		expect(await tables.granted()).toEqual(['rooms/x ann']);
		await sql`create table members (room text, user_id text, unique (room, user_id))`;
		await tables.follow();
		expect(await tables.granted()).toEqual([]);
	});
});

describe('a row of which no grant can be made', () => {
	test.each([
		['victim/projects/secret', 'eve', /"victim\/projects\/secret" in column room of members/],
		['', 'eve', /"" in column room of members/],
		['a b', 'eve', /"a b" in column room of members/],
		['x'.repeat(65), 'eve', /"x{65}" in column room of members/],
		['x', '', /"" in column user_id of members/],
		['x', 'u'.repeat(201), /"u{70}" in column user_id of members/]
	])('is refused: (%s, %s)', async (room, user, message) => {
		await tables.follow('orgs/{room}');
		await refused(tables.join(room, user), message, /1 to (64|200) .*logline_grants_from_stop/);
		expect(await tables.granted()).toEqual([]);
	});

	test('stops who begins to follow its table', async () => {
		await tables.join('victim/projects/secret', 'eve');
		await refused(
			tables.follow('orgs/{room}'),
			/"victim\/projects\/secret" in column room/,
			/Change/
		);
	});

	test('grants nothing while it has no scope or no user', async () => {
		await tables.follow();
		await tables.join(null, 'ann');
		await tables.join('x', null);
		expect(await tables.granted()).toEqual([]);
		await sql`update members set room = 'x', user_id = 'ann' where user_id is null`;
		expect(await tables.granted()).toEqual(['rooms/x ann']);
		await sql`update members set user_id = null where room = 'x'`;
		expect(await tables.granted()).toEqual([]);
	});

	test('because its column was renamed is refused, with what to do', async () => {
		await tables.follow();
		await tables.join('x', 'ann');
		await sql`alter table members rename room to place`;
		await refused(
			sql`delete from members`,
			/members no longer has the column room/,
			/logline_grants_from_stop\('members', 'rooms\/\{room\}', 'user_id'\)/
		);
		await sql`delete from grant_losses`;
		await sql.begin(async (tx) => {
			await tx`select logline_grants_from_stop('members', 'rooms/{room}')`;
			await tx`select logline_grants_from('members', 'rooms/{place}')`;
		});
		await sql`delete from members`;
		expect(await tables.granted()).toEqual([]);
	});
});
