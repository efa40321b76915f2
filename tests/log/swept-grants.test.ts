/** Grants follow their table also where no trigger sees what happens to it: the servers compare them now and then. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { createRegistry } from '../../src/lib/protocol/index.ts';
import { createLogline, type Logger } from '../../src/lib/server/index.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { declareTopics } from '../../src/lib/server/log/declarations.ts';
import { TEST_TOPICS } from '../support/app-server.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let sql: Sql;

beforeAll(async () => {
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 3, name: 'test sql' });
	const connection = new SoleConnection(database.url, { name: 'declare' });
	await declareTopics(connection, TEST_TOPICS);
	await connection.end();
});
afterAll(async () => {
	await sql.end();
	await database.drop();
});
beforeEach(async () => {
	await sql`drop table if exists members, members_a, guests`;
	await sql`truncate grants, grant_history, grant_losses, outbox`;
	await sql`delete from grant_losses`;
	await sql.unsafe(`create table members (room text, user_id text, unique (room, user_id)) partition by list (room);
		create table members_a partition of members for values in ('a');
		create table members_b partition of members default`);
});

const follow = (table = 'members', scope = 'rooms/{room}') =>
	sql`select logline_grants_from(${table}::text::regclass, ${scope})`;
const granted = async () =>
	(await sql`select scope, user_id from grants order by scope, user_id`).map(
		({ scope, user_id }) => `${scope} ${user_id}`
	);
/** Pages of a sweep, until it finds nothing more. */
async function sweep(rows = 5000, source = 'members'): Promise<number[]> {
	const pages: number[] = [];
	do {
		const [row] = await sql<{ n: number }[]>`select logline_sweep_mirror(${source}, ${rows}) as n`;
		pages.push(row!.n);
	} while (pages.at(-1)! > 0);
	return pages;
}

test('a partition is not followed, because its triggers would not see who is removed by the table: the hint names the table', async () => {
	await expect(follow('members_a')).rejects.toMatchObject({
		message: expect.stringMatching(/members_a is a partition/) as unknown,
		hint: expect.stringContaining(
			`logline_grants_from('members', 'rooms/{room}', 'user_id')`
		) as unknown
	});
	await follow('members');
	await sql`insert into members values ('a', 'ann'), ('b', 'bob')`;
	await sql`delete from members where user_id = 'ann'`;
	expect(await granted()).toEqual(['rooms/b bob']);
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
	await follow();
	await sql`insert into members values ('a', 'ann'), ('b', 'bob')`;
	await sql`insert into grants (scope, user_id) values ('rooms/a', 'eve')`;
	await sql.unsafe(statements);
	expect(await granted()).toContain('rooms/a ann');
	expect(await sweep()).toEqual([1, 0]);
	expect(await granted()).toEqual(['rooms/a eve', 'rooms/b bob']);
});

test('who is added where no trigger sees gets the grant, page by page, after all who have lost one', async () => {
	await follow();
	await sql`insert into members select 'a', 'old' || n from generate_series(1, 5) as n`;
	await sql`truncate members_a`;
	await sql`insert into members_a select 'a', 'new' || n from generate_series(1, 5) as n`;
	expect(await sweep(3)).toEqual([3, 2, 3, 2, 0]);
	expect(await granted()).toEqual([1, 2, 3, 4, 5].map((n) => `rooms/a new${n}`));
});

test('a row that can be granted to nobody keeps no grant that has lost its row', async () => {
	await follow();
	await sql`insert into members values ('a', 'ann')`;
	await sql`delete from members_a`;
	await sql`insert into members_b values ('victim/projects/secret', 'eve'), (null, 'eve'), ('x', '')`;
	expect(await sweep()).toEqual([1, 0]);
	expect(await granted()).toEqual([]);
});

test('a row that is just being deleted gets no grant, and nobody waits for it', async () => {
	await follow();
	await sql`insert into members_a values ('a', 'ann')`;
	await sql.begin(async (tx) => {
		await tx`delete from members`;
		const began = performance.now();
		await expect(sweep()).rejects.toMatchObject({ code: '55P03' });
		expect(performance.now() - began).toBeLessThan(3000);
	});
	expect(await sweep()).toEqual([0]);
	expect(await granted()).toEqual([]);
});

test('a sweep that has nothing to repair locks nothing: grants are written meanwhile', async () => {
	await follow();
	await sql`insert into members values ('a', 'ann')`;
	await sql.begin(async (tx) => {
		await tx`insert into members values ('b', 'bob')`;
		expect(await sweep()).toEqual([0]);
		await tx`select logline_sweep_mirror('members')`;
		await sql`insert into grants (scope, user_id) values ('rooms/z', 'eve')`;
	});
	expect(await granted()).toEqual(['rooms/a ann', 'rooms/b bob', 'rooms/z eve']);
});

test('a server compares the tables when it starts, and says which it cannot compare, and the others are compared', async () => {
	await sql`create table guests (room text, user_id text, unique (room, user_id))`;
	await follow('guests', 'clubs/{room}');
	await follow();
	await sql`insert into members values ('a', 'ann'), ('b', 'bob')`;
	await sql`truncate members_a`;
	await sql`alter table guests rename room to place`;
	const lines: string[] = [];
	const note = (about: unknown, line?: string) => {
		const { err } = about as { err?: Error };
		lines.push([line, err?.message, (err?.cause as Error | undefined)?.message].join(': '));
	};
	const logger: Logger = {
		debug: () => {},
		info: () => {},
		warn: note,
		error: note,
		child: () => logger
	};
	const logline = createLogline({ url: database.url, topics: TEST_TOPICS, migrate: false, logger });
	await logline.start();
	try {
		await until(async () => !(await granted()).includes('rooms/a ann'), {
			what: 'the grant is taken back'
		});
		await until(() => lines.length > 0);
		expect(await granted()).toEqual(['rooms/b bob']);
		expect(lines.join()).toMatch(
			/grants cannot be compared .* guests \(source "guests"\): .*no longer has the column room/
		);
	} finally {
		await logline.stop();
	}
});

test('the topics of a pattern that was renamed are those of its new name', async () => {
	const [before] = await sql`select logline_pattern_of('rooms/1/messages') as pattern`;
	expect(before!.pattern).toBe('rooms/[room]/messages');
	const connection = new SoleConnection(database.url, { name: 'declare' });
	const { schema } = TEST_TOPICS.get('a')!;
	try {
		await declareTopics(connection, createRegistry([{ 'rooms/[id]/messages': { schema } }]));
	} finally {
		await connection.end();
	}
	const [after] = await sql`select logline_pattern_of('rooms/1/messages') as pattern`;
	expect(after!.pattern).toBe('rooms/[id]/messages');
});
