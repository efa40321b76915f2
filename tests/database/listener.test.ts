import { afterEach, describe, expect, it } from 'vitest';
import type { Sql } from '../../src/app/driver-client.ts';
import { openClient } from '../../src/app/driver-client.ts';
import type { ListenerOptions } from '../../src/lib/server/database/listener.ts';
import { Listener } from '../../src/lib/server/database/listener.ts';
import { createTestDatabase } from '../support/database.ts';
import { startServer } from '../support/private-server.ts';
import { startProxy } from '../support/proxy.ts';
import { until } from '../support/until.ts';
import { queryable } from '../support/queryable.ts';

const cleanUp: (() => Promise<unknown>)[] = [];
const strays: unknown[] = [];
process.on('unhandledRejection', (error) => strays.push(error));
afterEach(async () => {
	for (const end of cleanUp.splice(0).reverse()) await end();
	expect(strays).toEqual([]);
});

const quiet = { info: () => {}, warn: () => {} };

/** Creates a listener on two channels that records everything. It may connect in a different way than the sender. */
async function listen(url: string, sql: Sql, options: Partial<ListenerOptions> = {}) {
	const heard: string[] = [];
	let begun = 0;
	const listener = new Listener(url, { heartbeat: queryable(sql), logger: quiet, ...options });
	listener.on('first', (payload) => heard.push(`first ${payload}`));
	listener.on('second', (payload) => heard.push(`second ${payload}`));
	listener.onListening(() => begun++);
	cleanUp.push(() => listener.stop());
	await listener.start();
	return { listener, heard, begun: () => begun };
}

function open(url: string): Sql {
	// Else the driver asks for types, and nobody handles it when that fails (decisions/004).
	const sql = openClient(url, { max: 2, name: 'test', arrays: false });
	cleanUp.push(() => sql.end({ timeout: 1 }));
	return sql;
}

describe('the listener', () => {
	it('hears what is notified on all its channels, and nothing else', async () => {
		const { url } = await createTestDatabase({ empty: true });
		const sql = open(url);
		const { listener, heard, begun } = await listen(url, sql);
		expect(listener.state).toBe('up');
		expect(begun()).toBe(1);
		await sql.notify('other', 'x');
		await sql.notify('first', '1');
		await sql.notify('second', '2');
		await until(() => heard.length >= 2);
		expect(heard).toEqual(['first 1', 'second 2']);
	});

	it('comes back when its backend is terminated, and says that one must look', async () => {
		const { url } = await createTestDatabase({ empty: true });
		const sql = open(url);
		const { listener, heard, begun } = await listen(url, sql);
		for (let round = 1; round <= 3; round++) {
			await sql`
				select pg_terminate_backend(pid) from pg_stat_activity
				where datname = current_database() and application_name = 'logline listener'`;
			await until(() => begun() === 1 + round, { what: 'it listens again' });
			await until(() => listener.state === 'up');
			await sql.notify('second', String(round));
			await until(() => heard.at(-1) === `second ${round}`);
		}
	});

	it('notices a connection that has gone silent, by its heartbeat', async () => {
		const { url } = await createTestDatabase({ empty: true });
		const sql = open(url);
		const proxy = await startProxy(Number(new URL(url).port || 5432));
		cleanUp.push(() => proxy.close());
		const through = new URL(url);
		through.hostname = '127.0.0.1';
		through.port = String(proxy.port);
		const { heard, begun } = await listen(through.href, sql, { heartbeatMs: 50, silenceMs: 200 });
		proxy.halfOpen();
		await until(() => begun() === 2, { what: 'it listens again' });
		await sql.notify('first', 'after');
		await until(() => heard.includes('first after'));
	});

	it('keeps a connection that answers its heartbeats', async () => {
		const { url } = await createTestDatabase({ empty: true });
		const sql = open(url);
		const { begun, heard } = await listen(url, sql, { heartbeatMs: 20, silenceMs: 1000 });
		for (let round = 0; round < 20; round++) {
			await sql.notify('first', String(round));
			await until(() => heard.length === round + 1);
		}
		expect(begun()).toBe(1);
	});

	it('does not wait for a server that accepts and then says nothing', async () => {
		const { url } = await createTestDatabase({ empty: true });
		const sql = open(url);
		const proxy = await startProxy(Number(new URL(url).port || 5432));
		cleanUp.push(() => proxy.close());
		const through = new URL(url);
		through.hostname = '127.0.0.1';
		through.port = String(proxy.port);
		proxy.pause();
		const { listener, begun } = await listen(through.href, sql, { listenMs: 100, retryMs: 10 });
		expect(listener.state).toBe('down');
		await until(() => proxy.accepted >= 3, { what: 'it tries again and again' });
		proxy.resume();
		await until(() => begun() === 1);
		await until(() => listener.state === 'up');
	});

	it('outlives the server, by whatever way that dies', async () => {
		const server = await startServer();
		cleanUp.push(() => server.remove());
		const sql = open(server.url);
		const { listener, heard, begun } = await listen(server.url, sql, { heartbeatMs: 50 });
		for (const [round, end] of [server.kill9, server.stop].entries()) {
			await end();
			await until(() => listener.state === 'down');
			await server.start();
			await until(() => begun() === round + 2, { what: 'it listens again' });
			await until(() => sql.notify('first', String(round)));
			await until(() => heard.at(-1) === `first ${round}`);
		}
	});

	it('is not up, and says why, where LISTEN is answered and nothing is heard, as behind a pooler', async () => {
		const { url } = await createTestDatabase({ empty: true });
		// A notification sent in another database does not arrive in this one.
		const elsewhere = open((await createTestDatabase({ empty: true })).url);
		const told: { err: Error }[] = [];
		const logger = { info: () => {}, warn: (what: unknown) => void told.push(what as never) };
		const { listener, begun } = await listen(url, elsewhere, { silenceMs: 100, logger });
		await until(() => begun() >= 3, { what: 'it has begun to listen three times' });
		expect(listener.state).toBe('down');
		expect(told.map(({ err }) => err.message)).toEqual([
			expect.stringContaining('connect to Postgres itself')
		]);
	});

	it('can be stopped while the database is away', async () => {
		const server = await startServer();
		cleanUp.push(() => server.remove());
		await server.stop();
		const { listener } = await listen(server.url, open(server.url), { heartbeatMs: 20 });
		expect(listener.state).toBe('down');
		await listener.stop();
	});
});
