/** Grants: who may see what becomes a fact of the log, in its order. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { createRegistry } from '../../src/lib/protocol/index.ts';
import { declareTopics } from '../../src/lib/server/log/declarations.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let sql: Sql;
let other: Sql;

beforeAll(async () => {
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 2, name: 'test sql' });
	other = openClient(database.url, { max: 2, name: 'test sql' });
	const schema = {
		'~standard': { version: 1 as const, vendor: 'test', validate: (value: unknown) => ({ value }) }
	};
	const connection = new SoleConnection(database.url, { name: 'declare' });
	await declareTopics(
		connection,
		createRegistry([
			{
				news: { schema },
				'rooms/[room]/messages': { schema, access: 'granted' },
				'orgs/[org]/projects/[project]/log': { schema, access: 'granted' }
			}
		])
	);
	await connection.end();
});
afterAll(async () => {
	await sql.end();
	await other.end();
	await database.drop();
});

beforeEach(async () => {
	await sql`truncate grants, grant_history, grant_losses, outbox`;
	await sql`delete from grant_losses`;
});
afterEach(async () => {
	expect(await mismatches()).toEqual([]);
});

/** Moves everything that waits, as the relay of a server does. */
async function relay(on: Sql = sql): Promise<void> {
	for (;;) {
		const [page] = await on`select moved, more from logline_relay()`;
		if (page!.moved === 0 && !page!.more) return;
	}
}

/** Pairs of which the log's view is not the application's, when all is moved; and grants of a pair that overlap. */
async function mismatches(): Promise<unknown[]> {
	await relay();
	const rows = await sql`
		(select user_id, scope, 'open without a grant' as wrong from grant_history where until_id is null
			except select user_id, scope, 'open without a grant' from grants)
		union all
		(select user_id, scope, 'grant that is not open' from grants
			except select user_id, scope, 'grant that is not open' from grant_history where until_id is null)
		union all
		select a.user_id, a.scope, 'overlap' from grant_history a join grant_history b using (user_id, scope)
		where a.from_id < b.from_id and (a.until_id is null or a.until_id > b.from_id)`;
	return [...rows];
}

const say = async (topic: string, on: Sql = sql) =>
	BigInt(
		(await on`insert into events (topic, data) values (${topic}, '"x"') returning id::text`)[0]!
			.id as string
	);

/** The rows of the history, without ids. */
const story = async () =>
	(
		await sql`select topic, user_id as user, data->>'scope' as scope from events
		where topic in ('$granted', '$revoked') and id > ${String(before)} order by events.id`
	).map(({ topic, user, scope }) => `${topic} ${user} ${scope}`);
let before = 0n;
beforeEach(async () => {
	before = BigInt(
		(await sql`select coalesce(max(id), 0)::text as id from events`)[0]!.id as string
	);
});

describe('a grant', () => {
	test('takes its place in the log when its transaction has committed, between the events around it', async () => {
		await sql.begin(async (tx) => {
			await tx`insert into outbox (topic, data) values ('news', '1')`;
			await tx`insert into grants (scope, user_id) values ('rooms/1', 'ann')`;
			await tx`insert into outbox (topic, data) values ('rooms/1/messages', '"welcome"')`;
		});
		await relay();
		const topics =
			await sql`select topic from events where id > ${String(before)} order by events.id`;
		expect(topics.map(({ topic }) => topic)).toEqual(['news', '$granted', 'rooms/1/messages']);
		const [row] =
			await sql`select h.*, e.topic from grant_history h join events e on e.id = h.from_id`;
		expect(row).toMatchObject({
			user_id: 'ann',
			scope: 'rooms/1',
			until_id: null,
			topic: '$granted'
		});
	});

	test('of two sources lasts until both have taken it back', async () => {
		await sql`insert into grants (scope, user_id, source) values ('rooms/1', 'ann', 'a'), ('rooms/1', 'ann', 'b')`;
		await relay();
		await sql`delete from grants where source = 'a'`;
		await relay();
		expect(await story()).toEqual(['$granted ann rooms/1']);
		await sql`delete from grants where source = 'b'`;
		await relay();
		expect(await story()).toEqual(['$granted ann rooms/1', '$revoked ann rooms/1']);
	});

	test('that was taken back and given again before anybody looked is no event', async () => {
		await sql`insert into grants (scope, user_id) values ('rooms/1', 'ann')`;
		await relay();
		await sql`delete from grants`;
		await sql`insert into grants (scope, user_id) values ('rooms/1', 'ann')`;
		await relay();
		expect(await story()).toEqual(['$granted ann rooms/1']);
	});

	test('that moves to another user ends for the first one', async () => {
		await sql`insert into grants (scope, user_id) values ('rooms/1', 'ann')`;
		await relay();
		await sql`update grants set user_id = 'bob'`;
		await relay();
		expect(await story()).toEqual([
			'$granted ann rooms/1',
			'$revoked ann rooms/1',
			'$granted bob rooms/1'
		]);
	});

	test('that is rolled back leaves no trace', async () => {
		await sql
			.begin(async (tx) => {
				await tx`insert into grants (scope, user_id) values ('rooms/1', 'ann')`;
				throw new Error('no');
			})
			.catch(() => undefined);
		await relay();
		expect(await story()).toEqual([]);
	});
});

describe('a revoke', () => {
	beforeEach(async () => {
		await sql`insert into grants (scope, user_id) values ('rooms/1', 'ann'), ('rooms/2', 'ann')`;
		await relay();
	});
	const until = async (scope: string) =>
		BigInt(
			(await sql`select until_id::text as id from grant_history where scope = ${scope}`)[0]!
				.id as string
		);

	test('is in the log before the next event of its scope, whatever door that comes through', async () => {
		await sql`delete from grants where scope = 'rooms/1'`;
		expect(await until('rooms/1').catch(() => 0n)).toBe(0n);
		const id = await say('rooms/1/messages');
		expect(await until('rooms/1')).toBeLessThan(id);
		await sql`delete from grants`;
		await sql`select logline_append(null, array['rooms/2/messages'], array[null], array['1'::jsonb])`;
		const [last] =
			await sql`select id::text from events where topic = 'rooms/2/messages' order by events.id desc limit 1`;
		expect(await until('rooms/2')).toBeLessThan(BigInt(last!.id as string));
	});

	test('by TRUNCATE ends every grant', async () => {
		await sql`truncate grants`;
		await relay();
		expect((await story()).slice(2).sort()).toEqual([
			'$revoked ann rooms/1',
			'$revoked ann rooms/2'
		]);
	});

	test('of many is done in pages, and a writer whom it concerns waits without the lock', async () => {
		await sql`insert into grants (scope, user_id) select 'rooms/9', 'u' || i from generate_series(1, 3000) i`;
		await relay();
		await sql`delete from grants where scope = 'rooms/9'`;
		await expect(say('rooms/9/messages')).rejects.toMatchObject({ code: '55P03' });
		await say('rooms/1/messages');
		await say('news');
		await relay();
		await say('rooms/9/messages');
	});

	test('waits for nobody: an open transaction that truncates grants stops no other event', async () => {
		await sql`delete from grants where scope = 'rooms/1'`;
		await other.begin(async (tx) => {
			await tx`truncate grants`;
			await sql`set statement_timeout = 2000`;
			await say('news');
			await say('rooms/2/messages');
			await expect(say('rooms/1/messages')).rejects.toMatchObject({ code: '55P03' });
			await expect(relay()).rejects.toMatchObject({ code: '55P03' });
			await sql`set statement_timeout = 0`;
		});
		await relay();
	});

	test('that no trigger has seen is found by the sweep, and so is a grant', async () => {
		await sql`alter table grants disable trigger user`;
		await sql`delete from grants where scope = 'rooms/1'`;
		await sql`insert into grants (scope, user_id, created_at) values ('rooms/3', 'ann', now() - interval '1 hour')`;
		await sql`alter table grants enable trigger user`;
		const [swept] = await sql`select logline_sweep_grants() as n`;
		expect(swept!.n).toBe(2);
		await relay();
		expect((await story()).slice(2)).toEqual(['$revoked ann rooms/1', '$granted ann rooms/3']);
	});
});

test('a topic of several scopes is visible since the first of them that was never interrupted', async () => {
	const since = async () =>
		(
			await sql`select logline_granted_since('ann', array['orgs/7', 'orgs/7/projects/3'])::text as id`
		)[0]!.id as string | null;
	const at = async (scope: string) =>
		(await sql`select max(from_id)::text as id from grant_history where scope = ${scope}`)[0]!
			.id as string;
	const give = (scope: string) => sql`insert into grants (scope, user_id) values (${scope}, 'ann')`;
	const take = (scope: string) => sql`delete from grants where scope = ${scope}`;
	expect(await since()).toBeNull();
	await give('orgs/7/projects/3');
	await relay();
	const first = await at('orgs/7/projects/3');
	expect(await since()).toBe(first);
	await give('orgs/7');
	await relay();
	await take('orgs/7/projects/3');
	await relay();
	expect(await since()).toBe(first);
	await take('orgs/7');
	await relay();
	expect(await since()).toBeNull();
	await give('orgs/7');
	await relay();
	expect(await since()).toBe(await at('orgs/7'));
});

describe('a writer is told what is wrong', () => {
	test.each([
		['roms/1/messages', 'rooms/[room]/messages'],
		['rooms/1/2/messages', 'rooms/[room]/messages'],
		['rooms/../messages', 'rooms/[room]/messages'],
		['News', 'news'],
		['orgs/1/project/2/log', 'orgs/[org]/projects/[project]/log']
	])('about the topic %s, which is not declared: did it mean %s?', async (topic, nearest) => {
		const hint = expect.stringContaining(`"${nearest}"`) as unknown;
		await expect(say(topic)).rejects.toMatchObject({ code: '23514', hint });
		await expect(
			sql`insert into outbox (topic, data) values (${topic}, '1')`
		).rejects.toMatchObject({ hint });
	});

	test.each(['rooms', 'rooms/', 'rooms/1/messages', 'rooms/1%2f', 'house/1', '../rooms/1', ''])(
		'about the scope "%s"',
		async (scope) => {
			await expect(
				sql`insert into grants (scope, user_id) values (${scope}, 'ann')`
			).rejects.toMatchObject({ code: '23514' });
		}
	);

	test('about a grant for nobody', async () => {
		await expect(
			sql`insert into grants (scope, user_id) values ('rooms/1', '')`
		).rejects.toMatchObject({ code: '23514' });
	});

	test('who reads a snapshot from before a revoke: the outbox is the door', async () => {
		await say('rooms/1/messages');
		await expect(
			other.begin('isolation level repeatable read', (tx) =>
				say('rooms/1/messages', tx as unknown as Sql)
			)
		).rejects.toMatchObject({ code: '55000', hint: expect.stringContaining('outbox') as unknown });
		await other.begin('isolation level repeatable read', (tx) => say('news', tx as unknown as Sql));
	});
});
