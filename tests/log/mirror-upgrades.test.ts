/** What followed a table before an upgrade follows it afterwards. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { migrateLog } from '../../src/lib/server/schema/migrate-log.ts';
import { LOG_MIGRATIONS } from '../../src/lib/server/schema/migrations.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { computesOnReading, grantedIn } from '../support/followed-tables.ts';

/** As a version made it that believed statements. */
let old: TestDatabase;
let on: Sql;

beforeEach(async () => {
	old = await createTestDatabase({ empty: true });
	on = openClient(old.url, { max: 1, name: 'test sql' });
	const before = LOG_MIGRATIONS.findIndex(({ name }) => name.endsWith('_mirrors'));
	await migrateLog(old.url, { migrations: LOG_MIGRATIONS.slice(0, before) });
});
afterEach(async () => {
	await on.end();
	await old.drop();
});

test('an upgrade is not stopped by a table whose scope is computed when it is read, and the table then says what is wrong', async () => {
	if (!(await computesOnReading(on))) return;
	await on.unsafe(`create table members (id text, user_id text unique, room text generated always as (id) virtual,
			unique (id, user_id));
		create trigger logline_grants_insert after insert on members referencing new table as added
			for each statement execute function logline_mirror_grants('rooms/{room}', 'user_id')`);
	await migrateLog(old.url);
	await expect(on`insert into members values ('x', 'ann')`).rejects.toThrow(/computes room/);
});

test('what followed a table before the upgrade follows it afterwards, by the present rules', async () => {
	await on.unsafe(`create table members (room text, user_id text, unique (room, user_id));
		create table loose (room text, user_id text, unique (room, user_id));
		select logline_grants_from('members', 'rooms/{room}');
		select logline_grants_from('loose', 'clubs/{room}');
		insert into members values ('x', 'ann'), ('x', 'bob'), ('victim/projects/secret', 'eve');
		insert into loose values ('x', 'ann');
		alter table loose drop constraint loose_room_user_id_key`);
	expect(await grantedIn(on)).toContain('rooms/victim/projects/secret eve');
	await migrateLog(old.url);
	expect(await grantedIn(on)).toEqual(['clubs/x ann', 'rooms/x ann', 'rooms/x bob']);
	const made = await on`select tgrelid::regclass::text as t, count(*)::int as n from pg_trigger
		where tgfoid = 'logline_mirror_grants'::regproc group by 1 order by 1`;
	expect([...made]).toEqual([
		{ t: 'loose', n: 4 },
		{ t: 'members', n: 4 }
	]);
	await on`alter table members rename to guests`;
	await on`delete from guests where user_id in ('ann', 'eve')`;
	expect(await grantedIn(on)).toEqual(['clubs/x ann', 'rooms/x bob']);
	// The one that could not be made anew says why, and goes on when it can.
	await expect(on`delete from loose`).rejects.toThrow(/several rows/);
	await on`alter table loose add unique (room, user_id)`;
	await on`delete from loose`;
	expect(await grantedIn(on)).toEqual(['rooms/x bob']);
});
