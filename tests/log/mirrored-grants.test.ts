/** Grants follow their table as it is: several scopes, renames, triggers of the application, and the end of it. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { declareTopics } from '../../src/lib/server/log/declarations.ts';
import { migrateLog } from '../../src/lib/server/schema/migrate-log.ts';
import { LOG_MIGRATIONS } from '../../src/lib/server/schema/migrations.ts';
import { TEST_TOPICS } from '../support/app-server.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let sql: Sql;

async function declare(url: string) {
	const connection = new SoleConnection(url, { name: 'declare' });
	await declareTopics(connection, TEST_TOPICS);
	await connection.end();
}

beforeAll(async () => {
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 2, name: 'test sql' });
	await declare(database.url);
});
afterAll(async () => {
	await sql.end();
	await database.drop();
});
beforeEach(async () => {
	await sql`drop table if exists members, guests`;
	await sql`truncate grants, grant_history, grant_losses, outbox`;
	await sql`delete from grant_losses`;
	await sql`create table members (room text, user_id text, note text, unique (room, user_id))`;
});

const follow = (scope = 'rooms/{room}', table = 'members') =>
	sql`select logline_grants_from(${table}::text::regclass, ${scope})`;
const stop = async (scope = 'rooms/{room}', table = 'members') =>
	Number(
		(await sql`select logline_grants_from_stop(${table}::text::regclass, ${scope}) as n`)[0]!.n
	);
const granted = async (on = sql) =>
	(await on`select distinct scope, user_id from grants order by scope, user_id`).map(
		({ scope, user_id }) => `${scope} ${user_id}`
	);
const join = (room: string | null, user: string | null, table = 'members') =>
	sql`insert into ${sql(table)} (room, user_id) values (${room}, ${user})`;
const refused = (work: Promise<unknown>, message: RegExp, hint: RegExp) =>
	expect(work).rejects.toMatchObject({
		message: expect.stringMatching(message) as unknown,
		hint: expect.stringMatching(hint) as unknown
	});

describe('who is removed loses every grant', () => {
	test('of a table that gives grants for two scopes', async () => {
		await follow();
		await join('x', 'ann');
		await follow('clubs/{room}');
		await join('y', 'bob');
		expect(await granted()).toEqual(['clubs/x ann', 'clubs/y bob', 'rooms/x ann', 'rooms/y bob']);
		await sql`delete from members where user_id = 'ann'`;
		expect(await granted()).toEqual(['clubs/y bob', 'rooms/y bob']);
		await sql`truncate members`;
		expect(await granted()).toEqual([]);
	});

	test.each([false, true])('of a table that was renamed (said again: %s)', async (again) => {
		await follow();
		await join('x', 'ann');
		await sql`alter table members rename to guests`;
		if (again) await follow(undefined, 'guests');
		await join('x', 'bob', 'guests');
		expect(await granted()).toEqual(['rooms/x ann', 'rooms/x bob']);
		await sql`delete from guests where user_id = 'ann'`;
		expect(await granted()).toEqual(['rooms/x bob']);
	});

	test('also when another table has come to the name of the renamed one', async () => {
		await follow();
		await join('x', 'ann');
		await sql`alter table members rename to guests`;
		await sql`create table members (room text, user_id text, unique (room, user_id))`;
		await follow();
		await join('x', 'ann');
		await sql`delete from members`;
		expect(await granted()).toEqual(['rooms/x ann']);
		await sql`delete from guests`;
		expect(await granted()).toEqual([]);
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
		await follow();
		await sql.unsafe(`create or replace function at_once() returns trigger language plpgsql as
			$$ begin ${body}; return null; end $$;
			create trigger at_once after insert on members for each row execute function at_once()`);
		await sql`insert into members values ('x', 'ann'), ('x', 'bob')`;
		const rows = await sql`select distinct room, user_id from members order by room, user_id`;
		expect(await granted()).toEqual(rows.map(({ room, user_id }) => `rooms/${room} ${user_id}`));
		expect(await granted()).toEqual(expect.arrayContaining(left));
	});

	test('and keeps it when a trigger of the table brings the row back', async () => {
		await follow();
		await join('x', 'ann');
		await sql.unsafe(`create or replace function at_once() returns trigger language plpgsql as
			$$ begin insert into members select old.*; return null; end $$;
			create trigger at_once after delete on members for each row execute function at_once()`);
		await sql`delete from members`;
		expect(await granted()).toEqual(['rooms/x ann']);
	});

	test.each(['added', 'removed', 'sides', 'pairs', 'grants'])(
		'of a table that is called %s',
		async (name) => {
			await sql.unsafe(`create schema other; create table other.${name} (room text, user_id varchar, unique (room, user_id));
				select logline_grants_from('other.${name}', 'rooms/{room}');
				insert into other.${name} values ('x', 'ann'), ('x', 'bob'); update other.${name} set room = 'y' where user_id = 'ann'`);
			expect(await granted()).toEqual(['rooms/x bob', 'rooms/y ann']);
			await sql.unsafe(`delete from other.${name}`);
			expect(await granted()).toEqual([]);
			await sql.unsafe(`drop schema other cascade`);
			if (name === 'grants') return;
			await sql.unsafe(`create table ${name} (room text, user_id varchar, unique (room, user_id));
				select logline_grants_from('${name}', 'rooms/{room}'); insert into ${name} values ('x', 'ann'), ('x', 'bob');
				update ${name} set room = 'y' where user_id = 'ann'; delete from ${name} where user_id = 'bob'`);
			expect(await granted()).toEqual(['rooms/y ann']);
			await sql.unsafe(`drop table ${name}`);
		}
	);

	test('whose table is no longer followed', async () => {
		await follow();
		await follow('clubs/{room}');
		await join('x', 'ann');
		await sql`insert into grants (scope, user_id) values ('rooms/x', 'eve')`;
		expect(await stop()).toBe(1);
		await join('y', 'bob');
		expect(await granted()).toEqual(['clubs/x ann', 'clubs/y bob', 'rooms/x eve']);
		await refused(
			stop(),
			/members does not give grants for "rooms\/\{room\}" to the users in user_id/,
			/It gives: 'clubs\/\{room\}', 'user_id'/
		);
	});

	test('of a dropped table when a table with its name is followed', async () => {
		await follow();
		await join('x', 'ann');
		await sql`drop table members`;
		expect(await granted()).toEqual(['rooms/x ann']);
		await sql`create table members (room text, user_id text, unique (room, user_id))`;
		await follow();
		expect(await granted()).toEqual([]);
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
		await follow('orgs/{room}');
		await refused(join(room, user), message, /1 to (64|200) .*logline_grants_from_stop/);
		expect(await granted()).toEqual([]);
	});

	test('stops who begins to follow its table', async () => {
		await join('victim/projects/secret', 'eve');
		await refused(follow('orgs/{room}'), /"victim\/projects\/secret" in column room/, /Change/);
	});

	test('grants nothing while it has no scope or no user', async () => {
		await follow();
		await join(null, 'ann');
		await join('x', null);
		expect(await granted()).toEqual([]);
		await sql`update members set room = 'x', user_id = 'ann' where user_id is null`;
		expect(await granted()).toEqual(['rooms/x ann']);
		await sql`update members set user_id = null where room = 'x'`;
		expect(await granted()).toEqual([]);
	});

	test('because its column was renamed is refused, with what to do', async () => {
		await follow();
		await join('x', 'ann');
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
		expect(await granted()).toEqual([]);
	});
});

test('who may make triggers, but does not own the log, can grant nothing', async () => {
	await sql`drop role if exists grants_stranger`;
	await sql`create role grants_stranger`;
	try {
		const foreign = sql.begin(async (tx) => {
			await tx`set local role grants_stranger`;
			await tx`create temporary table mine (room text, who text, unique (room, who))`;
			await tx`create trigger mine after insert on mine referencing new table as added for each statement
				execute function logline_mirror_grants('rooms/{room}', 'who')`;
		});
		await expect(foreign).rejects.toMatchObject({ code: '42501' });
	} finally {
		await sql`drop owned by grants_stranger`;
		await sql`drop role grants_stranger`;
	}
});

test('who owns a table that gives grants does not become the owner of the log', async () => {
	await sql.unsafe(`drop role if exists grants_owner; create role grants_owner;
		create schema owned authorization grants_owner; set role grants_owner;
		create type owned.who as enum ('ann', 'bob');
		create table owned.members (room text, user_id owned.who, primary key (room, user_id));
		create table owned.ran (who text); grant all on owned.ran to public;
		create function owned.told(owned.who) returns text language plpgsql as
			$$ begin insert into owned.ran values (current_user); return 'eve'; end $$;
		create cast (owned.who as text) with function owned.told(owned.who);
		reset role; select logline_grants_from('owned.members', 'rooms/{room}')`);
	try {
		await sql.begin(async (tx) => {
			await tx`set local role grants_owner`;
			await tx`insert into owned.members values ('x', 'ann'), ('x', 'bob')`;
			await tx`update owned.members set room = 'y' where user_id = 'ann'`;
			await tx`delete from owned.members where room = 'x'`;
		});
		expect(await granted()).toEqual(['rooms/y ann']);
		expect(await sql`select who from owned.ran`).toHaveLength(0);
	} finally {
		await sql.unsafe(`drop schema owned cascade; drop role grants_owner`);
	}
});

/** Before version 18, Postgres stores every computed column. */
const canCompute = async () =>
	(await sql`select current_setting('server_version_num')::int as n`)[0]!.n >= 180_000;

test.each([
	['scope', 'room', 'room_id', 'user_id'],
	['user', 'who', 'room', 'user_id']
])(
	'a column of the %s that is computed when it is read is refused: a removed row would keep its grant',
	async (_what, computed, from, unique) => {
		if (!(await canCompute())) return;
		await sql.unsafe(`drop table members; create table members (
			${computed === 'room' ? 'room_id text' : 'room text, id text'}, user_id text, unique (${unique}, ${from}),
			${computed} text generated always as (${computed === 'room' ? 'room_id' : 'user_id'}) virtual)`);
		const user = computed === 'who' ? 'who' : 'user_id';
		await sql.unsafe(`alter table members add unique (${user === 'who' ? 'room' : 'user_id'})`);
		await refused(
			sql`select logline_grants_from('members', 'rooms/{room}', ${user})`,
			/computes (room|who) only when it is read/,
			/STORED/
		);
	}
);

test('a column that becomes one that is computed when it is read lets no row go with its grant', async () => {
	if (!(await canCompute())) return;
	await sql`alter table members add unique (user_id)`;
	await follow();
	await join('x', 'ann');
	await sql`alter table members rename room to room_id`;
	await sql`alter table members add room text generated always as (room_id) virtual`;
	await expect(sql`delete from members`).rejects.toThrow(/computes room only when it is read/);
	await sql`alter table members drop room`;
	await sql`alter table members rename room_id to room`;
	await sql`delete from members`;
	expect(await granted()).toEqual([]);
});

test('an upgrade is not stopped by a table whose scope is computed when it is read, and the table then says what is wrong', async () => {
	if (!(await canCompute())) return;
	const old = await createTestDatabase({ empty: true });
	const on = openClient(old.url, { max: 1, name: 'test sql' });
	try {
		const before = LOG_MIGRATIONS.findIndex(({ name }) => name.endsWith('_mirrors'));
		await migrateLog(old.url, { migrations: LOG_MIGRATIONS.slice(0, before) });
		await on.unsafe(`create table members (id text, user_id text unique, room text generated always as (id) virtual,
				unique (id, user_id));
			create trigger logline_grants_insert after insert on members referencing new table as added
				for each statement execute function logline_mirror_grants('rooms/{room}', 'user_id')`);
		await migrateLog(old.url);
		await expect(on`insert into members values ('x', 'ann')`).rejects.toThrow(/computes room/);
	} finally {
		await on.end();
		await old.drop();
	}
});

test('what followed a table before the upgrade follows it afterwards, by the present rules', async () => {
	const old = await createTestDatabase({ empty: true });
	const on = openClient(old.url, { max: 1, name: 'test sql' });
	try {
		const before = LOG_MIGRATIONS.findIndex(({ name }) => name.endsWith('_mirrors'));
		await migrateLog(old.url, { migrations: LOG_MIGRATIONS.slice(0, before) });
		await on.unsafe(`create table members (room text, user_id text, unique (room, user_id));
			create table loose (room text, user_id text, unique (room, user_id));
			select logline_grants_from('members', 'rooms/{room}');
			select logline_grants_from('loose', 'clubs/{room}');
			insert into members values ('x', 'ann'), ('x', 'bob'), ('victim/projects/secret', 'eve');
			insert into loose values ('x', 'ann');
			alter table loose drop constraint loose_room_user_id_key`);
		expect(await granted(on)).toContain('rooms/victim/projects/secret eve');
		await migrateLog(old.url);
		expect(await granted(on)).toEqual(['clubs/x ann', 'rooms/x ann', 'rooms/x bob']);
		const made = await on`select tgrelid::regclass::text as t, count(*)::int as n from pg_trigger
			where tgfoid = 'logline_mirror_grants'::regproc group by 1 order by 1`;
		expect([...made]).toEqual([
			{ t: 'loose', n: 4 },
			{ t: 'members', n: 4 }
		]);
		await on`alter table members rename to guests`;
		await on`delete from guests where user_id in ('ann', 'eve')`;
		expect(await granted(on)).toEqual(['clubs/x ann', 'rooms/x bob']);
		// The one that could not be made anew says why, and goes on when it can.
		await expect(on`delete from loose`).rejects.toThrow(/several rows/);
		await on`alter table loose add unique (room, user_id)`;
		await on`delete from loose`;
		expect(await granted(on)).toEqual(['rooms/x bob']);
	} finally {
		await on.end();
		await old.drop();
	}
});
