/**
 * What the library promises on the driver as npm has it, when connections are lost. A plain pool of the driver fails these
 * tests: it crashes, hangs, or writes outside the transaction (decisions/004).
 */
import { spawn } from 'node:child_process';
import { sql as text } from 'drizzle-orm';
import { afterEach, describe, expect, it } from 'vitest';
import { migrate } from '../../drizzle/migrate.ts';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { openDatabase } from '../../src/app/database.ts';
import { Lanes } from '../../src/lib/server/database/lanes.ts';
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

/** Creates a table `written`, the pools of an application through a proxy that can be cut, and one direct client. */
async function setUp({ size = 1, answerMs = 5000 } = {}) {
	const database: TestDatabase = await createTestDatabase({ empty: true });
	const target = new URL(database.url);
	const proxy: Proxy = await startProxy(Number(target.port || 5432));
	cleanUp.push(() => proxy.close());
	const direct: Sql = openClient(database.url, { max: 1, name: 'driver direct' });
	cleanUp.push(() => direct.end({ timeout: 1 }));
	await direct`create table written (what text)`;
	const through = new URL(database.url);
	through.hostname = '127.0.0.1';
	through.port = String(proxy.port);
	const pools = openDatabase(through.href, { max: size, transactions: size, answerMs });
	cleanUp.push(() => pools.end());
	const ask = (statement = 'select 1') => pools.pool.query(statement, []);
	await ask();
	const written = async () =>
		(await direct<{ what: string }[]>`select what from written order by 1`).map((row) => row.what);
	return { proxy, ask, db: pools.db, direct, written, url: through.href };
}

const lost = expect.objectContaining({
	code: expect.stringMatching(/^(CONNECTION_CLOSED|ECONNRESET)$/) as string
});
const outcome = (promise: PromiseLike<unknown>): Promise<unknown> =>
	Promise.resolve(promise).then(
		() => 'fulfilled',
		// drizzle wraps the error of a statement.
		(error: unknown) => (error as Error).cause ?? error
	);
const insert = (what: string) => text`insert into written values (${what})`;

function hang(timeoutMs: number): Promise<string> {
	return new Promise((resolve) => setTimeout(resolve, timeoutMs, 'hangs').unref());
}

describe('when the server is killed', () => {
	it('a process under load stays alive, and every query it has asked is answered or refused', async () => {
		const server = await startServer();
		cleanUp.push(() => server.remove());
		await migrate(server.url);
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

describe('when connections are lost', () => {
	it('a query that is sent in that very moment is answered or refused, and the pool is as good as before', async () => {
		const { proxy, ask } = await setUp({ size: 4 });
		for (let round = 0; round < 40; round++) {
			let cut = false;
			// Each rejection at once sends a query on a connection that may be dying, too.
			const callers = Array.from({ length: 8 }, async () => {
				while (!cut) await outcome(ask());
				for (let again = 0; again < 3; again++) await outcome(ask());
			});
			await new Promise((resolve) => setTimeout(resolve, 5));
			proxy.cut();
			cut = true;
			expect(await Promise.race([Promise.all(callers), hang(4000)]), `round ${round}`).not.toBe(
				'hangs'
			);
			const all = Promise.all(Array.from({ length: 4 }, () => until(() => ask())));
			expect(await Promise.race([all, hang(4000)]), `after round ${round}`).not.toBe('hangs');
		}
	});
});

describe('when the connection of a transaction is lost', () => {
	it('nothing of it is written on the connection that replaces it', async () => {
		const { proxy, db, written } = await setUp();
		const statements: Promise<unknown>[] = [];
		let goOn = () => {};
		const reconnected = new Promise<void>((resolve) => (goOn = resolve));
		const transaction = outcome(
			db.transaction(async (tx) => {
				await tx.execute(insert('before'));
				proxy.cut();
				await reconnected;
				for (const what of ['after', 'later']) {
					statements.push(outcome(tx.execute(insert(what))));
					await Promise.all(statements);
				}
			})
		);
		// Other work makes the pool reconnect while the transaction's function is still running.
		await until(() => db.execute('select 1'));
		goOn();
		expect(await transaction).toEqual(lost);
		await until(() => statements.length === 2);
		expect(await Promise.all(statements)).toEqual([lost, lost]);
		expect(await written()).toEqual([]);
	});

	it('one that begins in the very moment of the loss is refused, or is a transaction', async () => {
		const { proxy, db, written, direct } = await setUp();
		const transactions = Array.from({ length: 3 }, (_, n) =>
			outcome(db.execute('select pg_sleep(2)')).then(() =>
				outcome(
					db.transaction(async (tx) => {
						await tx.execute(insert(`transaction ${n}`));
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
		expect(await Promise.race([Promise.all(transactions), hang(10_000)])).not.toBe('hangs');
		expect(await written()).toEqual([]);
	});

	it('the statements that wait in it are refused instead of waiting for ever', async () => {
		const { proxy, db } = await setUp();
		let statements: Promise<unknown>[] = [];
		const transaction = outcome(
			db.transaction(async (tx) => {
				statements = Array.from({ length: 5 }, () => outcome(tx.execute('select pg_sleep(2)')));
				setImmediate(() => proxy.cut());
				await Promise.all(statements);
			})
		);
		expect(await Promise.race([transaction, hang(1500)])).toEqual(lost);
		expect(await Promise.race([Promise.all(statements), hang(1500)])).toEqual(
			Array.from({ length: 5 }, () => lost)
		);
	});

	it('the pool is as good as before', async () => {
		const { proxy, db, written } = await setUp({ size: 2 });
		await outcome(
			db.transaction(async (tx) => {
				await tx.execute('select 1');
				proxy.cut();
				await tx.execute('select 1');
			})
		);
		await until(() => db.execute('select 1'));
		await Promise.all(
			['a', 'b', 'c'].map((what) => db.transaction((tx) => tx.execute(insert(what))))
		);
		expect(await written()).toEqual(['a', 'b', 'c']);
	});
});

describe('a transaction', () => {
	it('is rolled back when its work or one of its statements fails, and can take back a part', async () => {
		const { db, written } = await setUp();
		const failed = db.transaction(async (tx) => {
			await tx.execute(insert('work failed'));
			throw new Error('changed my mind');
		});
		await expect(failed).rejects.toThrow('changed my mind');
		const refused = db.transaction(async (tx) => {
			await tx.execute(insert('statement failed'));
			// Handled here; but Postgres commits nothing after it.
			await tx.execute('select no_column').catch(() => {});
		});
		expect(await outcome(refused)).toMatchObject({ code: '42703' });
		await db.transaction(async (tx) => {
			await tx.execute(insert('kept'));
			const part = tx.transaction(async (inner) => {
				await inner.execute(insert('taken back'));
				await inner.execute('select no_column');
			});
			expect(await outcome(part)).toMatchObject({ code: '42703' });
			await tx.transaction((inner) => inner.execute(insert('kept, too')));
		});
		expect(await written()).toEqual(['kept', 'kept, too']);
	});

	it('is over for a statement that comes late, which runs nowhere else', async () => {
		const { db, written } = await setUp();
		const late = await db.transaction(async (tx) => {
			await tx.execute('select 1');
			return () => tx.execute(insert('late'));
		});
		let later: unknown;
		await db.transaction(async (tx) => {
			await tx.execute(insert('other'));
			later = await outcome(late());
		});
		expect(later).toMatchObject({ message: 'The transaction is over.' });
		expect(await written()).toEqual(['other']);
	});
});

describe('a server that cannot be reached', () => {
	it('is an error when it hangs up while it is greeted, not a wait without end', async () => {
		const silent = await startServer();
		cleanUp.push(() => silent.remove());
		const dead = await startProxy(silent.port);
		cleanUp.push(() => dead.close());
		await silent.stop();
		const away = new Lanes(`postgres://x@127.0.0.1:${dead.port}/x`, { size: 1, name: 'away' });
		cleanUp.push(() => away.end());
		expect(await Promise.race([outcome(away.query('select 1', [])), hang(1500)])).toEqual(lost);
		expect(dead.accepted).toBeLessThan(10);
	});
});

describe('when a pool is ended', () => {
	it('a connection whose peer has vanished is closed, not left to the operating system', async () => {
		const { proxy, url } = await setUp();
		const sockets = () =>
			process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;
		const lanes = new Lanes(url, { size: 2, name: 'ended' });
		await Promise.all([lanes.query('select 1', []), lanes.query('select 2', [])]);
		proxy.halfOpen();
		const before = sockets();
		const unanswered = outcome(lanes.query('select 1', []));
		await lanes.end(200);
		expect(await unanswered).toMatchObject({ code: 'CONNECTION_DESTROYED' });
		// The other end of each is in this process, too: in the proxy.
		await until(() => sockets() <= before - 2, { timeoutMs: 3000 });
	});

	it('an attempt to connect that is still due is called off', async () => {
		const { proxy, url } = await setUp();
		const lanes = new Lanes(url, { size: 1, name: 'ended' });
		await lanes.query('select 1', []);
		proxy.refuse(true);
		proxy.cut();
		for (let n = 0; n < 4; n++) await outcome(lanes.query('select 1', []));
		const due = outcome(lanes.query('select 1', []));
		const before = proxy.accepted;
		await lanes.end(0);
		expect(await due).toMatchObject({ code: 'CONNECTION_DESTROYED' });
		// To see that nothing happens, wait long enough for it to happen.
		await new Promise((resolve) => setTimeout(resolve, 1200));
		expect(proxy.accepted).toBe(before);
	});
});
