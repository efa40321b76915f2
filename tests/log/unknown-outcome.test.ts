/** An append whose answer was lost: no caller gets a wrong result, and nothing is written twice. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { encodeEvent } from '../../src/lib/server/log/accept.ts';
import { Writer } from '../../src/lib/server/log/append.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let sql: Sql;
let proxy: Proxy;
let writer: Writer;
let role: string;

beforeAll(async () => {
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 3, name: 'test sql' });
	proxy = await startProxy(Number(new URL(database.url).port));
	role = `${database.name}_writer`;
	await sql.unsafe(`create role ${role} login superuser password 'secret'`);
});
afterAll(async () => {
	await proxy.close();
	await sql.unsafe(`drop role ${role}`);
	await sql.end();
	await database.drop();
});
afterEach(() => writer.close());

/** Opens a writer with its own role, behind the proxy, that has written once. */
async function openWriter(timeoutMs: number): Promise<void> {
	const url = new URL(database.url);
	url.hostname = '127.0.0.1';
	url.port = String(proxy.port);
	url.username = role;
	url.password = 'secret';
	writer = new Writer(new SoleConnection(url.href, { name: 'writer' }), { timeoutMs });
	await written();
}

/** Resolves when an append has succeeded, however long the connection takes. */
const written = () => until(() => writer.append([event('well', 0)]).then(() => true));

const event = (topic: string, data: unknown) => encodeEvent({ topic, data });
/** Sessions keep the settings that they began with, so they are ended, as at a failover. */
const mendRole = async (mend: string) => {
	await sql.unsafe(`alter role ${role} ${mend}`);
	await sql`select pg_terminate_backend(pid) from pg_stat_activity where usename = ${role}`;
};
const values = async (topic: string) =>
	(await sql`select data from events where topic = ${topic} order by events.id`).map(
		(row) => row.data as number
	);
const told = (error: unknown) => (error as { code: string }).code;

/** The first attempt is committed and its answer is lost. Every further attempt meets the result of `alter` on the role. */
const troubles: [string, string, string][] = [
	[
		'a server that is read-only',
		'set default_transaction_read_only = on',
		'reset default_transaction_read_only'
	],
	['a login that is refused', 'nologin', 'login']
];

describe.each(troubles)('a batch that was committed, and then meets %s', (_, alter, mend) => {
	test('is never written again, and nobody is told that it failed', async () => {
		const topic = `${alter} long`;
		await openWriter(400);
		await sql.unsafe(`alter role ${role} ${alter}`);
		proxy.cutAfter(1);
		const outcomes = await Promise.all(
			[1, 2, 3].map((value) => writer.append([event(topic, value)]).then(() => 'written', told))
		);
		await mendRole(mend);
		await written();
		// The first append was sent alone. The others waited behind it and may never have been sent.
		const rows = await values(topic);
		expect(new Set(rows).size).toBe(rows.length);
		expect(rows).toContain(1);
		// A read-only server can still report that the batch exists.
		expect(outcomes[0]).toMatch(/^(append_timeout|written)$/);
		outcomes.slice(1).forEach((outcome, i) => {
			expect(['append_timeout', 'log_unavailable', 'written']).toContain(outcome);
			if (outcome === 'log_unavailable') expect(rows).not.toContain(i + 2);
		});
	});
});

test('a batch of many callers keeps its key until its outcome is known', async () => {
	await openWriter(20_000);
	// The first append is sent alone. The others are one batch, which is sent after its answer.
	const first = writer.append([event('many', 0)]);
	const others = [1, 2, 3, 4].map((value) => writer.append([event('many', value)]));
	await sql.unsafe(`alter role ${role} set default_transaction_read_only = on`);
	await first;
	proxy.cutAfter(1);
	const more = [5, 6, 7].map((value) => writer.append([event('many', value)]));
	await until(() => writer.failing, { what: 'an attempt has failed' });
	await mendRole('reset default_transaction_read_only');
	await Promise.all([...others, ...more]);
	expect(await values('many')).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

describe('while somebody holds the log', () => {
	test('each caller is answered when its time is over, and is told whether it was sent', async () => {
		await openWriter(300);
		await sql.begin(async (tx) => {
			await tx`insert into events (topic, data) values ('holder', '1')`;
			const started = performance.now();
			const outcomes = await Promise.all(
				[1, 2, 3].map((value) =>
					writer.append([event('held', value)]).then(
						() => 'written',
						(error: unknown) => told(error)
					)
				)
			);
			expect(outcomes).toEqual(['append_timeout', 'log_unavailable', 'log_unavailable']);
			expect(performance.now() - started).toBeLessThan(1500);
			expect(writer.queued).toBe(0);
		});
		await written();
		// Only the one that was being sent may be there.
		expect((await values('held')).filter((value) => value !== 1)).toEqual([]);
	});
});
