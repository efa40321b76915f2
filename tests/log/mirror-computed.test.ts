/** A column that Postgres computes only when it is read gives no grants: of a removed row, nobody tells its value. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Sql } from '../../src/app/driver-client.ts';
import {
	computesOnReading,
	openFollowedTables,
	refused,
	type FollowedTables
} from '../support/followed-tables.ts';

let tables: FollowedTables;
let sql: Sql;

beforeAll(async () => {
	tables = await openFollowedTables(`drop table if exists members, guests;
		create table members (room text, user_id text, note text, unique (room, user_id))`);
	sql = tables.sql;
});
afterAll(() => tables.close());
beforeEach(() => tables.reset());

test.each([
	['scope', 'room', 'room_id', 'user_id'],
	['user', 'who', 'room', 'user_id']
])(
	'a column of the %s that is computed when it is read is refused: a removed row would keep its grant',
	async (_what, computed, from, unique) => {
		if (!(await computesOnReading(sql))) return;
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
	if (!(await computesOnReading(sql))) return;
	await sql`alter table members add unique (user_id)`;
	await tables.follow();
	await tables.join('x', 'ann');
	await sql`alter table members rename room to room_id`;
	await sql`alter table members add room text generated always as (room_id) virtual`;
	await expect(sql`delete from members`).rejects.toThrow(/computes room only when it is read/);
	await sql`alter table members drop room`;
	await sql`alter table members rename room_id to room`;
	await sql`delete from members`;
	expect(await tables.granted()).toEqual([]);
});
