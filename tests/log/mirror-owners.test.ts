/** Who may make a table give grants, and in whose name its code runs. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Sql } from '../../src/app/driver-client.ts';
import { openFollowedTables, type FollowedTables } from '../support/followed-tables.ts';

let tables: FollowedTables;
let sql: Sql;

beforeAll(async () => {
	tables = await openFollowedTables(`drop table if exists members, guests;
		create table members (room text, user_id text, note text, unique (room, user_id))`);
	sql = tables.sql;
});
afterAll(() => tables.close());
beforeEach(() => tables.reset());

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
		expect(await tables.granted()).toEqual(['rooms/y ann']);
		expect(await sql`select who from owned.ran`).toHaveLength(0);
	} finally {
		await sql.unsafe(`drop schema owned cascade; drop role grants_owner`);
	}
});
