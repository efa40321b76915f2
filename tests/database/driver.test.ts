/**
 * What patches/ repairs in the driver. With the unpatched driver from npm, each of these tests fails: the driver crashes,
 * hangs, or writes outside the transaction. When a new version of the driver passes them without the patch, remove the
 * patch.
 */
import { spawn } from 'node:child_process';
import postgres from 'postgres';
import { afterEach, describe, expect, it } from 'vitest';
import type { Sql } from '../../src/lib/server/database/client.ts';
import type { TestDatabase } from '../support/database.ts';
import { createTestDatabase } from '../support/database.ts';
import { startServer } from '../support/private-server.ts';
import type { Proxy } from '../support/proxy.ts';
import { startProxy } from '../support/proxy.ts';
import { until } from '../support/until.ts';

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
	for (const end of cleanUp.splice(0).reverse()) await end();
});

/** Creates a table `written`, one pool through a proxy that can be cut, and one direct pool. */
async function setUp(options: { max?: number; max_pipeline?: number; backoffMs?: number } = {}) {
	const { backoffMs = 10, ...driverOptions } = options;
	const database: TestDatabase = await createTestDatabase({ empty: true });
	const target = new URL(database.url);
	const proxy: Proxy = await startProxy(Number(target.port || 5432));
	cleanUp.push(() => proxy.close());
	const direct: Sql = postgres(database.url, { max: 1 });
	cleanUp.push(() => direct.end({ timeout: 1 }));
	await direct`create table written (what text)`;
	const through = new URL(database.url);
	through.hostname = '127.0.0.1';
	through.port = String(proxy.port);
	const sql: Sql = postgres(through.href, {
		max: 1,
		backoff: () => backoffMs / 1000,
		...driverOptions
	});
	cleanUp.push(() => sql.end({ timeout: 1 }));
	await sql`select 1`;
	const written = async () =>
		(await direct<{ what: string }[]>`select what from written`).map((row) => row.what);
	return { proxy, sql, direct, written };
}

const closed = expect.objectContaining({ code: 'CONNECTION_CLOSED' });
const outcome = (promise: Promise<unknown>) =>
	promise.then(
		() => 'fulfilled',
		(error: unknown) => error
	);

describe('when the server is killed', () => {
	it('a process under load stays alive, and every query it has asked is answered or refused', async () => {
		const server = await startServer();
		cleanUp.push(() => server.remove());
		const child = spawn(
			process.execPath,
			['--import', 'tsx', 'tests/support/driver-load.ts', server.url],
			{ stdio: ['pipe', 'pipe', 'pipe'] }
		);
		const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
		cleanUp.push(async () => {
			child.kill('SIGKILL');
			await ended;
		});
		let output = '';
		let errors = '';
		child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()));
		child.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()));
		const answered = () => Number(output.trim().split('\n').at(-1) ?? 0);

		for (let round = 0; round < 4; round++) {
			const before = answered();
			await until(() => child.exitCode !== null || answered() > before + 100, {
				what: 'the load goes on'
			});
			await server.kill9();
			await server.start();
		}
		const before = answered();
		await until(() => child.exitCode !== null || answered() > before + 100, {
			what: 'the load goes on after the last start'
		});
		child.stdin.end();
		expect(await Promise.race([ended, hang(10_000)])).toBe(0);
		expect(errors).toBe('');
		const end = JSON.parse(output.trim().split('\n').at(-1) ?? '{}') as { failed: number };
		expect(end.failed, 'queries met the dead server').toBeGreaterThan(0);
	});
});

function hang(timeoutMs: number): Promise<string> {
	return new Promise((resolve) => setTimeout(resolve, timeoutMs, 'hangs').unref());
}

describe('when the connection of a transaction is lost', () => {
	it('nothing of it is written on the connection that replaces it', async () => {
		const { proxy, sql, written } = await setUp();
		const statements: Promise<unknown>[] = [];
		let goOn = () => {};
		const reconnected = new Promise<void>((resolve) => (goOn = resolve));
		const transaction = outcome(
			sql.begin(async (tx) => {
				await tx`insert into written values ('before')`;
				proxy.cut();
				await reconnected;
				statements.push(outcome(tx`insert into written values ('after')`));
				await Promise.all(statements);
				statements.push(outcome(tx`insert into written values ('later')`));
				await Promise.all(statements);
			})
		);
		// Other work makes the pool reconnect while the transaction's function is still running.
		await until(() => sql`select 1`);
		goOn();
		expect(await transaction).toEqual(closed);
		await until(() => statements.length === 2);
		expect(await Promise.all(statements)).toEqual([closed, closed]);
		expect(await written()).toEqual([]);
	});

	it('one that begins in the very moment of the loss is refused, or is a transaction', async () => {
		const { proxy, sql, written, direct } = await setUp();
		const transactions = Array.from({ length: 3 }, (_, n) =>
			outcome(sql`select pg_sleep(2)`).then(() =>
				outcome(
					sql.begin(async (tx) => {
						await tx`insert into written values (${`transaction ${n}`})`;
						throw new Error('changed my mind');
					})
				)
			)
		);
		await until(
			async () =>
				(
					await direct`
						select from pg_stat_activity
						where datname = current_database() and query like '%pg_sleep(2)%' and pid <> pg_backend_pid()`
				).length > 0,
			{ what: 'a statement is under way' }
		);
		proxy.cut();
		await until(() => sql`select 1`);
		expect(await Promise.race([Promise.all(transactions), hang(5000)])).not.toBe('hangs');
		expect(await written()).toEqual([]);
	});

	it('the statements that wait in it are refused instead of waiting for ever', async () => {
		const { proxy, sql } = await setUp({ max_pipeline: 1 });
		let statements: Promise<unknown>[] = [];
		const transaction = outcome(
			sql.begin(async (tx) => {
				statements = Array.from({ length: 5 }, () => outcome(tx`select pg_sleep(2)`));
				setImmediate(() => proxy.cut());
				await Promise.all(statements);
			})
		);
		expect(await Promise.race([transaction, hang(1500)])).not.toBe('hangs');
		expect(await Promise.race([Promise.all(statements), hang(1500)])).not.toBe('hangs');
	});

	it('the pool is as good as before', async () => {
		const { proxy, sql, written } = await setUp({ max: 2 });
		await outcome(
			sql.begin(async (tx) => {
				await tx`select 1`;
				proxy.cut();
				await tx`select 1`;
			})
		);
		await until(() => sql`select 1`);
		await Promise.all(
			['a', 'b', 'c'].map((what) => sql.begin((tx) => tx`insert into written values (${what})`))
		);
		expect((await written()).sort()).toEqual(['a', 'b', 'c']);
	});
});

describe('when a reserved connection is lost', () => {
	it('later statements are refused instead of running in another session', async () => {
		const { proxy, sql, written } = await setUp({ max: 2 });
		const reserved = await sql.reserve();
		await reserved`begin`;
		await reserved`insert into written values ('before')`;
		proxy.cut();
		await until(() => Promise.all([sql`select 1`, sql`select pg_sleep(0.01)`]));
		expect(await outcome(reserved`insert into written values ('after')`)).toEqual(closed);
		reserved.release();
		await Promise.all([sql`select 1`, sql`select 2`]);
		expect(await written()).toEqual([]);
	});
});

describe('under pressure', () => {
	it('a transaction that begins on a full pipeline is one', async () => {
		const { sql, written } = await setUp({ max_pipeline: 1 });
		const slow = sql`select pg_sleep(0.1)`.execute();
		await sql.begin((tx) => tx`insert into written values ('in it')`);
		await slow;
		expect(await written()).toEqual(['in it']);
	});

	it('a server that hangs up while it is greeted is an error, not a wait without end', async () => {
		const silent = await startServer();
		cleanUp.push(() => silent.remove());
		const dead = await startProxy(silent.port);
		cleanUp.push(() => dead.close());
		await silent.stop();
		const away: Sql = postgres(`postgres://x@127.0.0.1:${dead.port}/x`, {
			max: 1,
			backoff: () => 0.01
		});
		cleanUp.push(() => away.end({ timeout: 1 }));
		expect(await Promise.race([outcome(away`select 1`), hang(1500)])).toMatchObject({
			code: expect.stringMatching(/CONNECTION_CLOSED|ECONNRESET/) as string
		});
		expect(dead.accepted).toBeLessThan(10);
	});
});

describe('when a pool is ended', () => {
	it('a connection whose peer has vanished is closed, not left to the operating system', async () => {
		const { proxy, sql } = await setUp();
		proxy.halfOpen();
		const sockets = () =>
			process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;
		const before = sockets();
		const unanswered = outcome(sql`select 1`);
		await sql.end({ timeout: 0 });
		expect(await unanswered).toMatchObject({ code: 'CONNECTION_DESTROYED' });
		await until(() => sockets() < before, { timeoutMs: 3000 });
	});

	it('an attempt to connect that is still due is called off', async () => {
		const { proxy, sql } = await setUp({ backoffMs: 300 });
		proxy.refuse(true);
		proxy.cut();
		await outcome(sql`select 1`);
		await outcome(sql`select 1`);
		const due = outcome(sql`select 1`);
		const before = proxy.accepted;
		await sql.end({ timeout: 0 });
		expect(await due).toMatchObject({ code: 'CONNECTION_DESTROYED' });
		// To see that nothing happens, wait long enough for it to happen.
		await new Promise((resolve) => setTimeout(resolve, 600));
		expect(proxy.accepted).toBe(before);
	});
});
