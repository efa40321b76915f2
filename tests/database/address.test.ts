/** What DATABASE_URL may point to, and the error of a start when it is not reachable. */
import { createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { migrate } from '../../drizzle/migrate.ts';
import { toPrimary } from '../../src/lib/server/database/address.ts';
import { freePort } from '../../src/embedded-postgres/cluster.ts';
import { Lanes } from '../../src/lib/server/database/lanes.ts';
import { requireSession } from '../../src/lib/server/database/session.ts';
import { waitForDatabase } from '../../src/lib/server/database/wait.ts';
import { createTestDatabase } from '../support/database.ts';
import { hasPgBouncer, startPgBouncer } from '../support/pgbouncer.ts';
import { startProxy } from '../support/proxy.ts';

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
	for (const end of cleanUp.splice(0).reverse()) await end();
});

function open(url: string): Lanes {
	const lanes = new Lanes(url, { size: 2, name: 'address test', answerMs: 2000 });
	cleanUp.push(() => lanes.end());
	return lanes;
}

/** Returns the URL of the test's database with several hosts. */
const withHosts = (url: string, ...hosts: string[]) =>
	url.replace(/@[^/]*\//, `@${hosts.join(',')}/`);

const hostOf = (url: string) => new URL(url).host;

/** Returns a port that accepts connections but never responds, as behind a firewall. */
async function silentPort(): Promise<number> {
	const sockets = new Set<{ destroy(): void }>();
	const server: Server = createServer((socket) => {
		sockets.add(socket);
		socket.on('error', () => {});
	});
	const port = await freePort();
	await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
	cleanUp.push(async () => {
		for (const socket of sockets) socket.destroy();
		await new Promise((resolve) => server.close(resolve));
	});
	return port;
}

const hasIPv6 = Object.values(networkInterfaces())
	.flat()
	.some((address) => address?.address === '::1');

describe.skipIf(!hasIPv6)('an IPv6 address', () => {
	it('is connected to, alone and beside another host', async () => {
		const database = await createTestDatabase();
		cleanUp.push(() => database.drop());
		const through = await startProxy(Number(new URL(database.url).port), '::1');
		cleanUp.push(() => through.close());
		for (const hosts of [
			[`[::1]:${through.port}`],
			[`127.0.0.1:${await freePort()}`, `[::1]:${through.port}`]
		]) {
			const on = open(toPrimary(withHosts(database.url, ...hosts)));
			const [row] = await on.query<{ one: number }>('select 1 as one', []);
			expect(row?.one, hosts.join()).toBe(1);
		}
		expect(through.accepted).toBeGreaterThanOrEqual(2);
	});
});

describe('several hosts', () => {
	it('that are all dead are named within seconds, and not waited for without end', async () => {
		const [a, b] = [await freePort(), await freePort()];
		const url = toPrimary(`postgres://ada:hunter2@127.0.0.1:${a},127.0.0.1:${b}/live`);
		const lines: string[] = [];
		const started = performance.now();
		const waiting = waitForDatabase(open(url), url, 3000, (line) => lines.push(line));
		const hosts = `127.0.0.1:${a}, 127.0.0.1:${b}/live`;
		await expect(waiting).rejects.toThrow(`The database ${hosts} did not answer within 3 s`);
		expect(performance.now() - started).toBeLessThan(10_000);
		expect(lines[0]).toContain(`Waiting for the database ${hosts} (2 s)`);
		expect(lines[0]).toContain('ECONNREFUSED');
		expect(lines.join()).not.toContain('hunter2');
	});

	it('are tried one after the other: a dead one, and one that says nothing, delay but do not stop us', async () => {
		const database = await createTestDatabase();
		cleanUp.push(() => database.drop());
		const dead = `127.0.0.1:${await freePort()}`;
		const silent = `127.0.0.1:${await silentPort()}`;
		const url = toPrimary(withHosts(database.url, dead, silent, hostOf(database.url)));
		expect(await open(url).query('select 1 as n', [])).toEqual([{ n: 1 }]);
	});

	it('lead to the other one when the first goes away', async () => {
		const database = await createTestDatabase();
		cleanUp.push(() => database.drop());
		const first = await startProxy(Number(new URL(database.url).port));
		cleanUp.push(() => first.close());
		const url = withHosts(database.url, `127.0.0.1:${first.port}`, hostOf(database.url));
		const on = open(toPrimary(url));
		await on.query('select 1', []);
		first.refuse(true);
		first.cut();
		await on.query('select 1', []).catch(() => {});
		for (let i = 0; i < 4; i++) {
			expect(await on.query('select 2 as n', [])).toEqual([{ n: 2 }]);
		}
	});

	it('of which none is what is asked for are an error that says so', async () => {
		const database = await createTestDatabase();
		cleanUp.push(() => database.drop());
		const admin = open(database.url);
		await admin.query(`alter database ${database.name} set default_transaction_read_only = on`, []);
		const host = hostOf(database.url);
		const url = withHosts(database.url, host, host);
		const on = open(`${url}?target_session_attrs=read-write`);
		const refused = { code: 'CONNECTION_NOT_READ-WRITE' };
		await expect(on.query('select 1', [])).rejects.toMatchObject(refused);
		await expect(on.query('select 1', [])).rejects.toMatchObject(refused);
		// It is not a standby, so `primary` finds it.
		expect(await open(toPrimary(url)).query('select 1 as n', [])).toEqual([{ n: 1 }]);
	});
});

describe('a session of our own', () => {
	it('is what Postgres gives', async () => {
		const database = await createTestDatabase();
		cleanUp.push(() => database.drop());
		await requireSession(database.url);
	});
});

describe.skipIf(!hasPgBouncer)('PgBouncer (skipped where it is not installed)', () => {
	const IGNORE = {
		ignore_startup_parameters:
			'statement_timeout,lock_timeout,idle_in_transaction_session_timeout,extra_float_digits'
	};

	async function through(settings: Record<string, string | number>): Promise<string> {
		const database = await createTestDatabase({ empty: true });
		cleanUp.push(() => database.drop());
		const pooler = await startPgBouncer(database.url, settings);
		cleanUp.push(() => pooler.stop());
		return pooler.url;
	}

	it.each([
		['as it comes', { pool_mode: 'transaction' }],
		['that lets our settings pass', { pool_mode: 'transaction', ...IGNORE }],
		['with one connection', { pool_mode: 'transaction', default_pool_size: 1, ...IGNORE }],
		['in turn', { pool_mode: 'transaction', server_round_robin: 1, ...IGNORE }]
	])('in transaction mode, %s, is refused with what to do', async (_how, settings) => {
		const url = await through(settings);
		const started = performance.now();
		await expect(migrate(url)).rejects.toThrow(
			/connection pooler.*Put the address of Postgres itself into DATABASE_URL/
		);
		expect(performance.now() - started).toBeLessThan(15_000);
	});

	it('in session mode will do', async () => {
		await migrate(await through({ pool_mode: 'session', ...IGNORE }));
	});
});
