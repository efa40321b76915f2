/** Grants follow their table also where no trigger sees what happens to it: the servers compare them now and then. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Sql } from '../../src/app/driver-client.ts';
import { createRegistry } from '../../src/lib/protocol/index.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { declareTopics } from '../../src/lib/server/log/declarations.ts';
import { TEST_TOPICS } from '../support/app-server.ts';
import { openFollowedTables, refused, type FollowedTables } from '../support/followed-tables.ts';

let tables: FollowedTables;
let sql: Sql;

beforeAll(async () => {
	tables = await openFollowedTables(`drop table if exists members, members_a, guests;
		create table members (room text, user_id text, unique (room, user_id)) partition by list (room);
		create table members_a partition of members for values in ('a');
		create table members_b partition of members default`);
	sql = tables.sql;
});
afterAll(() => tables.close());
beforeEach(() => tables.reset());

test('a partition is not followed, because its triggers would not see who is removed by the table: the hint names the table', async () => {
	await expect(tables.follow(undefined, 'members_a')).rejects.toMatchObject({
		message: expect.stringMatching(/members_a is a partition/) as unknown,
		hint: expect.stringContaining(
			`logline_grants_from('members', 'rooms/{room}', 'user_id')`
		) as unknown
	});
	await tables.follow();
	await sql`insert into members values ('a', 'ann'), ('b', 'bob')`;
	await sql`delete from members where user_id = 'ann'`;
	expect(await tables.granted()).toEqual(['rooms/b bob']);
});

test.each([
	['a DELETE on a partition', `delete from members_a`],
	['a TRUNCATE of a partition', `truncate members_a`],
	['that a partition is detached', `alter table members detach partition members_a`],
	['that a partition is dropped', `drop table members_a`],
	[
		'a DELETE while the triggers are off',
		`alter table members disable trigger user; delete from members where room = 'a'; alter table members enable trigger user`
	],
	[
		'a DELETE that was replicated',
		`do $$ begin set local session_replication_role = replica; delete from members where room = 'a'; end $$`
	]
])('who is removed loses the grant, although no trigger has seen %s', async (_, statements) => {
	await tables.follow();
	await sql`insert into members values ('a', 'ann'), ('b', 'bob')`;
	await sql`insert into grants (scope, user_id) values ('rooms/a', 'eve')`;
	await sql.unsafe(statements);
	expect(await tables.granted()).toContain('rooms/a ann');
	expect(await tables.sweep()).toEqual([1, 0]);
	expect(await tables.granted()).toEqual(['rooms/a eve', 'rooms/b bob']);
});

test('who is added where no trigger sees gets the grant, page by page, after all who have lost one', async () => {
	await tables.follow();
	await sql`insert into members select 'a', 'old' || n from generate_series(1, 5) as n`;
	await sql`truncate members_a`;
	await sql`insert into members_a select 'a', 'new' || n from generate_series(1, 5) as n`;
	expect(await tables.sweep(3)).toEqual([3, 2, 3, 2, 0]);
	expect(await tables.granted()).toEqual([1, 2, 3, 4, 5].map((n) => `rooms/a new${n}`));
});

test('a row that can be granted to nobody is told, keeps no other row from its grant, and keeps no grant that has lost its row', async () => {
	await tables.follow();
	await sql`insert into members values ('a', 'ann')`;
	await sql`delete from members_a`;
	await sql`insert into members_b values ('victim/projects/secret', 'eve'), (null, 'eve'), ('x', ''), ('x', 'bob')`;
	await refused(
		tables.sweep(),
		/rows of members that cannot be granted: 2, for example "rooms\/(victim\/projects\/secret" to "eve|x" to ")"/,
		/Change them; all others are granted/
	);
	expect(await tables.granted()).toEqual(['rooms/x bob']);
	await sql`delete from members where room <> 'x' or user_id = ''`;
	expect(await tables.sweep()).toEqual([0]);
});

test('a scope that grants cannot take is told, and keeps no other row from its grant', async () => {
	await tables.follow('orgs/{room}');
	await tables.follow('{room}/projects');
	await sql`insert into members_b values ('_x', 'eve'), ('orgs', 'bob')`;
	await refused(
		tables.sweep(5000, 'members {room}/projects'),
		/that cannot be granted: 1, for example "_x\/projects" to "eve"/,
		/the beginning of a declared topic/
	);
	expect(await tables.sweep()).toEqual([2, 0]);
	expect(await tables.granted()).toEqual(['orgs/_x eve', 'orgs/orgs bob', 'orgs/projects bob']);
});

test('two tables with one source, of which one was renamed and restored, take nothing from each other', async () => {
	await tables.follow();
	await sql`insert into members values ('a', 'ann')`;
	await sql`alter table members rename to guests`;
	await sql.unsafe(`create table members (room text, user_id text, unique (room, user_id));
		insert into members values ('b', 'bob')`);
	// As a restore makes them: with the argument that they had.
	const made = await sql<{ def: string }[]>`select pg_get_triggerdef(oid) as def from pg_trigger
		where tgrelid = 'guests'::regclass and not tgisinternal`;
	for (const { def } of made) await sql.unsafe(def.replace(/ON \S*guests/, 'ON members'));
	expect(await tables.sweep()).toEqual([1, 0]);
	expect(await tables.granted()).toEqual(['rooms/a ann', 'rooms/b bob']);
	await sql`truncate members_a`;
	expect(await tables.sweep()).toEqual([1, 0]);
	expect(await tables.granted()).toEqual(['rooms/b bob']);
	// The way out: the copy gets a source of its own.
	await sql`insert into guests values ('a', 'ann')`;
	await sql.begin(async (tx) => {
		await tx`select logline_grants_from_stop('members', 'rooms/{room}')`;
		await tx`select logline_grants_from('members', 'rooms/{room}')`;
	});
	expect(await tables.sweep()).toEqual([1, 0]);
	expect(await tables.granted()).toEqual(['rooms/a ann', 'rooms/b bob']);
	await sql`delete from members`;
	expect(await tables.granted()).toEqual(['rooms/a ann']);
});

test('a source that no table has, and a table that the owner of the log may not read, are not compared', async () => {
	expect(await tables.sweep(5000, 'nobody')).toEqual([null]);
	await tables.follow();
	await sql`insert into members values ('a', 'ann')`;
	await sql.unsafe(`drop role if exists sweep_stranger; create role sweep_stranger;
		truncate members_a; alter table members owner to sweep_stranger`);
	try {
		expect(await tables.sweep()).toEqual([null]);
		expect(await tables.granted()).toEqual(['rooms/a ann']);
	} finally {
		await sql.unsafe(`drop owned by sweep_stranger; drop role sweep_stranger`);
	}
});

test('who owns a partition does not become the owner of the log: neither by a statement on the table nor by the comparison', async () => {
	await tables.follow();
	await sql.unsafe(`drop role if exists partition_owner; create role partition_owner;
		create schema strange authorization partition_owner;
		create function strange.seen(int) returns boolean immutable language plpgsql as
			$$ begin perform set_config('strange.ran_as', current_user, false); return true; end $$;
		create table members_c partition of members for values in ('c');
		create index on members_c (user_id) where strange.seen(1);
		alter table members_c owner to partition_owner`);
	const on = await sql.reserve();
	const ranAs = async () =>
		(await on`select nullif(current_setting('strange.ran_as', true), '') as role`)[0]!.role as
			string | null;
	try {
		await on`select set_config('strange.ran_as', '', false)`;
		expect((await on`select logline_sweep_mirror('members') as n`)[0]!.n).toBeNull();
		expect(await ranAs()).toBeNull();
		await on`insert into members values ('a', 'ann'), ('b', 'bob')`;
		await on`select set_config('strange.ran_as', '', false)`;
		await on`create role partition_user`;
		await on`grant select, delete on members to partition_user`;
		await on`set role partition_user`;
		await on`delete from members where room = 'a'`;
		expect(await ranAs()).not.toBe((await on`select session_user as role`)[0]!.role);
		await on`reset role`;
		expect(await tables.granted()).toEqual(['rooms/b bob']);
	} finally {
		on.release();
		await sql.unsafe(`drop table members cascade; drop schema strange cascade;
			drop owned by partition_user; drop role partition_owner, partition_user`);
	}
});

test('a row that is just being deleted gets no grant, and nobody waits for it', async () => {
	await tables.follow();
	await sql`insert into members_a values ('a', 'ann')`;
	await sql.begin(async (tx) => {
		await tx`delete from members`;
		const began = performance.now();
		await expect(tables.sweep()).rejects.toMatchObject({ code: '55P03' });
		expect(performance.now() - began).toBeLessThan(3000);
	});
	expect(await tables.sweep()).toEqual([0]);
	expect(await tables.granted()).toEqual([]);
});

test('a sweep that has nothing to repair locks nothing: grants are written meanwhile', async () => {
	await tables.follow();
	await sql`insert into members values ('a', 'ann')`;
	await sql.begin(async (tx) => {
		await tx`insert into members values ('b', 'bob')`;
		expect(await tables.sweep()).toEqual([0]);
		await tx`select logline_sweep_mirror('members')`;
		await sql`insert into grants (scope, user_id) values ('rooms/z', 'eve')`;
	});
	expect(await tables.granted()).toEqual(['rooms/a ann', 'rooms/b bob', 'rooms/z eve']);
});

test('the topics of a pattern that was renamed are those of its new name', async () => {
	const [before] = await sql`select logline_pattern_of('rooms/1/messages') as pattern`;
	expect(before!.pattern).toBe('rooms/[room]/messages');
	const connection = new SoleConnection(tables.url, { name: 'declare' });
	const { schema } = TEST_TOPICS.get('a')!;
	try {
		await declareTopics(connection, createRegistry([{ 'rooms/[id]/messages': { schema } }]));
	} finally {
		await connection.end();
	}
	const [after] = await sql`select logline_pattern_of('rooms/1/messages') as pattern`;
	expect(after!.pattern).toBe('rooms/[id]/messages');
});
