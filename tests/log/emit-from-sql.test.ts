/** Events that SQL publishes: `logline_emit`. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
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
	await sql`create table orders (total int)`;
});
afterAll(async () => {
	await sql.end();
	await database.drop();
});
beforeEach(() => sql`truncate outbox`.then(() => {}));

test('returns the id, and for a key that was used before the first id', async () => {
	const [one] = await sql`select logline_emit('a', '{"n": 1}', key => 'k') as id`;
	const [same] = await sql`select logline_emit('a', '{"n": 2}', key => 'k') as id`;
	const [mine] = await sql`select logline_emit('a', '{"n": 3}', 'ann') as id`;
	expect(same!.id).toBe(one!.id);
	expect(
		await sql`select id, topic, user_id, data->'n' as n from events where id in (${one!.id}, ${mine!.id}) order by id`
	).toEqual([
		{ id: one!.id, topic: 'a', user_id: null, n: 1 },
		{ id: mine!.id, topic: 'a', user_id: 'ann', n: 3 }
	]);
});

test('inside a larger transaction returns nothing, and is published with the commit', async () => {
	await sql`insert into orders values (1)`;
	const ids = await sql.begin(async (tx) => {
		await tx`update orders set total = 1`;
		const [row] = await tx`select logline_emit('a', '1', 'ann', 'key') as id`;
		return row!.id as unknown;
	});
	expect(ids).toBeNull();
	expect(await sql`select topic, user_id, data, key from outbox`).toEqual([
		{ topic: 'a', user_id: 'ann', data: 1, key: 'key' }
	]);
});

test('several times in a transaction that writes nothing else, appends in order', async () => {
	const rows = await sql`select logline_emit('a', to_jsonb(n)) as id from generate_series(1, 3) n`;
	const ids = rows.map(({ id }) => Number(id));
	expect(ids).toEqual([...ids].sort((a, b) => a - b));
	expect(ids).not.toContain(0);
});

test('with another isolation level goes by the outbox', async () => {
	const [row] = await sql.begin('isolation level repeatable read', (tx) => [
		tx`select logline_emit('a', '1') as id`
	]);
	expect(row[0]).toEqual({ id: null });
});

test('refuses a topic that is not declared', async () => {
	await expect(sql`select logline_emit('nothing', '1')`).rejects.toMatchObject({
		message: expect.stringContaining('nothing') as unknown
	});
});
