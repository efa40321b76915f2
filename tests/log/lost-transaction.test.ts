/**
 * `append(events, tx)` in a transaction of somebody else's driver. postgres.js from npm goes on with a transaction whose
 * connection was lost on another connection, in autocommit. The events must not be written there.
 */
import { drizzle } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { encodeEvent } from '../../src/lib/server/log/accept.ts';
import { insertIntoOutbox } from '../../src/lib/server/log/outbox.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let proxy: Proxy;
let direct: Sql;
let client: Sql;

beforeEach(async () => {
	database = await createTestDatabase();
	direct = openClient(database.url, { max: 1, name: 'test direct' });
	await direct`create table business (what text)`;
	proxy = await startProxy(Number(new URL(database.url).port || 5432));
	const through = new URL(database.url);
	through.hostname = '127.0.0.1';
	through.port = String(proxy.port);
	client = postgres(through.href, { max: 1, backoff: (() => 0.01) as never, onnotice: () => {} });
});

afterEach(async () => {
	await client.end({ timeout: 1 });
	await proxy.close();
	await direct.end();
	await database.drop();
});

interface Tx {
	execute(query: string): PromiseLike<unknown>;
}
const order = async (tx: Tx) => tx.execute(`insert into business values ('order')`);
const append = (tx: Tx, data: unknown = 0) =>
	insertIntoOutbox(tx, 'public', [
		encodeEvent({ topic: 'orders', data }),
		encodeEvent({ topic: 'orders', data })
	]);

/** Rows of the business and of the log. The relay does not run. */
async function rows() {
	const [row] = await direct<{ business: number; outbox: number }[]>`
		select (select count(*)::int from business) as business, (select count(*)::int from outbox) as outbox`;
	return row;
}

describe('events of a transaction', () => {
	test.each<[string, (tx: Tx) => Promise<unknown>]>([
		['after the rows that they tell of', async (tx) => [await order(tx), await append(tx)]],
		['before them', async (tx) => [await append(tx), await order(tx)]],
		['sent together with them', async (tx) => Promise.all([order(tx), append(tx)])],
		['sent together with them, first', async (tx) => Promise.all([append(tx), order(tx)])]
	])('are written with it, %s', async (_when, work) => {
		await drizzle(client).transaction(work);
		expect(await rows()).toEqual({ business: 1, outbox: 2 });
	});

	test('are written in a part of it, which may be taken back', async () => {
		await drizzle(client).transaction(async (tx) => {
			await tx.transaction((inner) => append(inner));
			await order(tx);
			await tx
				.transaction(async (inner) => {
					await append(inner);
					throw new Error('changed my mind');
				})
				.catch(() => {});
		});
		expect(await rows()).toEqual({ business: 1, outbox: 2 });
	});

	const first: [string, (tx: Tx) => Promise<unknown>][] = [
		['has written', order],
		['has only begun', async (tx) => tx.execute('select 1')]
	];
	test.each(first)('are refused when it %s, and its connection was lost', async (_what, before) => {
		let refused: unknown;
		let goOn = () => {};
		const reconnected = new Promise<void>((resolve) => (goOn = resolve));
		let over = () => {};
		const tried = new Promise<void>((resolve) => (over = resolve));
		const transaction = drizzle(client)
			.transaction(async (tx) => {
				await before(tx);
				proxy.cut();
				await reconnected;
				refused = await append(tx).catch((error: unknown) => error);
				over();
			})
			.catch((error: unknown) => error);
		await until(() => client`select 1`, { what: 'the driver has connected again' });
		goOn();
		await tried;
		await transaction;
		expect(refused).toMatchObject({ code: 'transaction_lost', status: 503 });
		expect(await rows()).toEqual({ business: 0, outbox: 0 });
	});

	test('are refused without any transaction', async () => {
		await expect(append(drizzle(client))).rejects.toMatchObject({ code: 'transaction_lost' });
		expect(await rows()).toEqual({ business: 0, outbox: 0 });
	});
});
