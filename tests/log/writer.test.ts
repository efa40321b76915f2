import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { encodeEvent } from '../../src/lib/server/log/accept.ts';
import { Writer, type WriterOptions } from '../../src/lib/server/log/append.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let sql: Sql;
let proxy: Proxy;
let writer: Writer;

beforeAll(async () => {
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 2, name: 'test sql' });
	proxy = await startProxy(Number(new URL(database.url).port));
});
afterAll(async () => {
	await proxy.close();
	await sql.end();
	await database.drop();
});
afterEach(() => writer.close());

/** Opens a writer whose connection goes through the proxy. */
function openWriter(options: WriterOptions = {}, answerMs = 1000): Writer {
	const url = new URL(database.url);
	url.hostname = '127.0.0.1';
	url.port = String(proxy.port);
	writer = new Writer(new SoleConnection(url.href, { name: 'writer', answerMs }), options);
	return writer;
}

const event = (topic: string, data: unknown = {}, key?: string) =>
	encodeEvent({ topic, data, key });
const count = async (topic: string) =>
	Number((await sql`select count(*) from events where topic = ${topic}`)[0]!.count);

test('a thousand callers at once get their own ids, in the order in which they called', async () => {
	openWriter();
	const answers = await Promise.all(
		Array.from({ length: 1000 }, (_, i) => writer.append([event('many', i)]))
	);
	const ids = answers.map(([answer]) => BigInt(answer!.id));
	expect(ids).toEqual([...ids].sort((a, b) => (a < b ? -1 : 1)));
	const rows = await sql`select id::text, data from events where topic = 'many' order by events.id`;
	expect(rows.map((row) => [row.id, row.data])).toEqual(ids.map((id, i) => [String(id), i]));
});

test('text that needs escaping arrives as it was', async () => {
	openWriter();
	const data = {
		quote: '"',
		backslash: '\\',
		both: '\\"',
		line: 'a\nb\r',
		null: 'NULL',
		brace: '{},'
	};
	await writer.append([event('escape', data)]);
	expect((await sql`select data from events where topic = 'escape'`)[0]!.data).toEqual(data);
});

describe('a connection that is cut while commits are under way', () => {
	test('neither loses nor doubles an event, and everybody learns the truth', async () => {
		openWriter({ timeoutMs: 20_000 });
		const told: string[] = [];
		let cuts = 0;
		for (let round = 0; round < 30; round++) {
			const appends = Array.from({ length: 20 }, (_, i) =>
				writer.append([event('cut', round * 20 + i)])
			);
			// At a different byte each time: before, within and after the answer.
			proxy.cutAfter(1 + ((round * 37) % 400));
			cuts++;
			for (const [answer] of await Promise.all(appends)) told.push(answer!.id);
		}
		const rows =
			await sql`select id::text, data from events where topic = 'cut' order by events.id`;
		expect(cuts).toBe(30);
		expect(rows.map((row) => row.data as number).sort((a, b) => a - b)).toEqual(
			Array.from({ length: 600 }, (_, i) => i)
		);
		expect(new Set(told)).toEqual(new Set(rows.map((row) => row.id as string)));
	});

	test('without a word, is given up, and the append goes through on another', async () => {
		openWriter({ timeoutMs: 20_000 }, 300);
		await writer.append([event('silent', 0)]);
		proxy.halfOpen();
		await writer.append([event('silent', 1)]);
		expect(await count('silent')).toBe(2);
	});
});

test('while the database is away an append waits, and then says that it does not know', async () => {
	openWriter({ timeoutMs: 400 });
	await writer.append([event('away', 0)]);
	proxy.refuse(true);
	proxy.cut();
	await expect(writer.append([event('away', 1, 'away-1')])).rejects.toMatchObject({
		code: 'append_timeout',
		status: 503
	});
	proxy.refuse(false);
	await until(async () => (await writer.append([event('away', 1, 'away-1')])).length === 1);
	expect(await count('away')).toBe(2);
});

test('an event that Postgres refuses fails alone, not the ones that were queued with it', async () => {
	openWriter();
	const bad = { topic: 'mixed', userId: null, data: '{"not": json}', key: null };
	const results = await Promise.allSettled([
		writer.append([event('mixed', 1)]),
		writer.append([bad]),
		writer.append([event('mixed', 2)]),
		writer.append([event('mixed', 3)])
	]);
	expect(results.map((result) => result.status)).toEqual([
		'fulfilled',
		'rejected',
		'fulfilled',
		'fulfilled'
	]);
	expect(await count('mixed')).toBe(3);
});

test('a full queue says so instead of growing', async () => {
	openWriter({ maxQueuedRows: 50, timeoutMs: 5000 });
	const results = await Promise.allSettled(
		Array.from({ length: 200 }, (_, i) => writer.append([event('full', i)]))
	);
	const busy = results.filter(
		(result) =>
			result.status === 'rejected' && (result.reason as { code: string }).code === 'log_busy'
	);
	expect(busy.length).toBeGreaterThan(0);
	expect(await count('full')).toBe(200 - busy.length);
});

test('a queue of large events is full before it has many', async () => {
	openWriter({ maxQueuedLength: 100_000 });
	const large = 'x'.repeat(20_000);
	const results = await Promise.allSettled(
		Array.from({ length: 20 }, () => writer.append([event('large', large)]))
	);
	const written = results.filter((result) => result.status === 'fulfilled').length;
	expect(written).toBeLessThan(8);
	expect(await count('large')).toBe(written);
});

test('closing writes what is queued and refuses what comes after', async () => {
	openWriter();
	const queued = Array.from({ length: 100 }, (_, i) => writer.append([event('closing', i)]));
	const closed = writer.close();
	await expect(writer.append([event('closing', 'late')])).rejects.toMatchObject({ code: 'closed' });
	await Promise.all(queued);
	await closed;
	expect(await count('closing')).toBe(100);
});
