/** What happens to a followed table while a server compares it with its grants. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Sql } from '../../src/app/driver-client.ts';
import { openFollowedTables, refused, type FollowedTables } from '../support/followed-tables.ts';
import { lockWaits } from '../support/lock-waits.ts';
import { until } from '../support/until.ts';

let tables: FollowedTables;
let sql: Sql;

beforeAll(async () => {
	tables = await openFollowedTables(`drop table if exists members, guests;
		create table members (room text, user_id text, unique (room, user_id))`);
	sql = tables.sql;
});
afterAll(() => tables.close());
beforeEach(() => tables.reset());

const unseen = (statement: string) =>
	sql.unsafe(`alter table members disable trigger user; ${statement};
		alter table members enable trigger user`);
/** Resolves when a statement waits for a lock of a table. */
const somebodyWaits = (table: string) =>
	until(() => lockWaits(sql, table), { what: `somebody waits for ${table}`, everyMs: 2 });

test.each(['repeatable read', 'serializable'])(
	'nothing is compared by an old snapshot: %s is refused',
	async (level) => {
		await tables.follow();
		await refused(
			sql.begin(`isolation level ${level}`, (tx) => tx`select logline_sweep_mirror('members')`),
			/logline_sweep_mirror needs READ COMMITTED/,
			/BEGIN/
		);
	}
);

test('who is removed by a transaction with an old snapshot loses the grant that was given meanwhile: it must try again', async () => {
	await tables.follow();
	await unseen(`insert into members values ('x', 'ann'), ('x', 'bob')`);
	const remove = (user: string, meanwhile: () => Promise<unknown>) =>
		sql.begin('isolation level repeatable read', async (tx) => {
			await tx`select from members`;
			await meanwhile();
			await tx`delete from members where user_id = ${user}`;
		});
	await expect(remove('ann', () => tables.sweep())).rejects.toMatchObject({ code: '40001' });
	await remove('ann', () => Promise.resolve());
	expect(await tables.granted()).toEqual(['rooms/x bob']);
	// Who has no grant, and is no user of one, is removed all the same.
	await unseen(`insert into members values ('x', 'cem'), ('no part/of a topic', 'cem'), ('x', '')`);
	await sql.begin('isolation level repeatable read', (tx) => tx`delete from members`);
	expect(await tables.granted()).toEqual([]);
});

test('what a TRUNCATE with an old snapshot leaves, the next comparison takes back', async () => {
	await tables.follow();
	await unseen(`insert into members values ('x', 'ann')`);
	await sql.begin('isolation level repeatable read', async (tx) => {
		await tx`select from grants`;
		await tables.sweep();
		await tx`truncate members`;
	});
	expect(await tables.granted()).toEqual(['rooms/x ann']);
	expect(await tables.sweep()).toEqual([1, 0]);
	expect(await tables.granted()).toEqual([]);
});

test('a table that takes the place of another during the comparison takes no grant away', async () => {
	await tables.follow();
	await tables.join('x', 'ann');
	let compared!: Promise<unknown>;
	await sql.begin(async (tx) => {
		await tx`alter table members rename to guests`;
		await tx`create table members (room text, user_id text, unique (room, user_id))`;
		compared = tables.sweep().catch((error: unknown) => error);
		await somebodyWaits('members');
	});
	expect(await compared).toMatchObject({
		code: '55P03',
		message: expect.stringMatching(/a table was replaced while it was compared/) as unknown
	});
	expect(await tables.granted()).toEqual(['rooms/x ann']);
	expect(await tables.sweep()).toEqual([0]);
});

test('a table that is dropped during the comparison is no error of its own', async () => {
	await tables.follow();
	let compared!: Promise<unknown>;
	await sql.begin(async (tx) => {
		await tx`drop table members`;
		compared = tables.sweep().catch((error: unknown) => error);
		await somebodyWaits('members');
	});
	expect(await compared).toMatchObject({ code: '55P03' });
	expect(await tables.sweep()).toEqual([null]);
});

test('writers of grants wait for what is repaired, not for the comparison', async () => {
	await tables.follow();
	// The comparison waits for the table itself, so it has not yet locked the grants.
	await unseen(`insert into members values ('x', 'ann')`);
	let compared!: Promise<unknown>;
	await sql.begin(async (tx) => {
		await tx`lock table members in access exclusive mode`;
		compared = tables.sweep();
		await somebodyWaits('members');
		await sql`insert into grants (scope, user_id) values ('rooms/z', 'eve')`;
	});
	expect(await compared).toEqual([1, 0]);
	expect(await tables.granted()).toEqual(['rooms/x ann', 'rooms/z eve']);
});

/** What it does, what nobody has seen of it, and what is written while the comparison waits. */
const ROWS = [
	['comes keeps its grant', `delete from members`, `insert into members values ('x', 'ann')`],
	[
		'goes gets none',
		`insert into members values ('x', 'bob')`,
		`delete from members where user_id = 'bob'`
	]
] as const;

test.each(ROWS)('a row that %s, although it differed before', async (_, before, meanwhile) => {
	await tables.follow();
	await tables.join('x', 'ann');
	await unseen(before);
	let compared!: Promise<unknown>;
	await sql.begin(async (tx) => {
		await tx.unsafe(meanwhile);
		compared = tables.sweep();
		await somebodyWaits('grants');
	});
	expect(await compared).toEqual([1, 0]);
	expect(await tables.granted()).toEqual(['rooms/x ann']);
});
