/** Every query succeeds or fails in time, whatever happens to the connection, and however many queries wait. */
import { afterEach, describe, expect, it } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { openDatabase } from '../../src/app/database.ts';
import { Lanes, type LanesOptions } from '../../src/lib/server/database/lanes.ts';
import { isTransient } from '../../src/lib/server/database/transient.ts';
import { whileWanted } from '../../src/lib/server/database/wanted.ts';
import { createTestDatabase } from '../support/database.ts';
import { startProxy } from '../support/proxy.ts';
import { until } from '../support/until.ts';

const ANSWER_MS = 1000;

/** The statement fails by the timeout, the transaction by the closed connection. Either may come first. */
const LOST = /^(ETIMEDOUT|CONNECTION_CLOSED)$/;

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
	for (const end of cleanUp.splice(0).reverse()) await end();
});

/** Creates a database, a direct client, and the address of a proxy in front of it. */
async function setUp() {
	const database = await createTestDatabase();
	cleanUp.push(() => database.drop());
	const through = new URL(database.url);
	const proxy = await startProxy(Number(through.port || 5432));
	cleanUp.push(() => proxy.close());
	through.hostname = '127.0.0.1';
	through.port = String(proxy.port);
	const direct: Sql = openClient(database.url, { max: 2, name: 'answers direct' });
	cleanUp.push(() => direct.end({ timeout: 1 }));
	return { proxy, direct, url: through.href };
}

/** Opens connections, and returns a function that runs one statement on them. */
function open(url: string, options: Partial<LanesOptions> = {}) {
	const lanes = new Lanes(url, { size: 1, name: 'answers', answerMs: ANSWER_MS, ...options });
	cleanUp.push(() => lanes.end());
	const ask = (text: string, signal?: AbortSignal) =>
		lanes.query<Record<string, unknown>>(text, [], signal);
	return { lanes, ask };
}

const code = (promise: Promise<unknown>) =>
	promise.then(
		() => 'fulfilled',
		(error: unknown) => {
			const cause = (error as Error).cause ?? error;
			expect(isTransient(cause)).toBe(true);
			return (cause as { code: string }).code;
		}
	);

/** Holds every connection until it is released. */
async function occupy(lanes: Lanes, connections = 1): Promise<() => Promise<void>> {
	let release = () => {};
	const held = new Promise<void>((resolve) => (release = resolve));
	let begun = 0;
	const holders = Array.from({ length: connections }, () =>
		lanes.use(async (session) => {
			await session.run('select 1');
			begun++;
			await held;
		})
	);
	await until(() => begun === connections);
	return async () => {
		release();
		await Promise.all(holders);
	};
}

describe('when the network drops everything without a word', () => {
	it('a query is refused in time, and the next one is answered', async () => {
		const { proxy, url } = await setUp();
		const { ask } = open(url);
		await ask('select 1');
		proxy.halfOpen();
		const asked = performance.now();
		expect(await code(ask('select 1'))).toBe('ETIMEDOUT');
		expect(performance.now() - asked).toBeLessThan(2 * ANSWER_MS);
		expect(await ask('select 2 as n')).toEqual([{ n: 2 }]);
	});

	it('so are those that wait behind it, the statements of a transaction, and its commit', async () => {
		const { proxy, url } = await setUp();
		const database = openDatabase(url, { max: 1, transactions: 1, answerMs: ANSWER_MS });
		cleanUp.push(() => database.end());
		await database.pool.query('select 1', []);
		const inTransaction = code(
			database.db.transaction(async (tx) => {
				await tx.execute('select 1');
				proxy.halfOpen();
				await tx.execute('select 2');
			})
		);
		const afterIt = code(database.db.execute('select 3'));
		expect(await inTransaction).toMatch(LOST);
		expect(await afterIt).toBe('fulfilled');

		await database.db.execute('select 4');
		const committing = code(
			database.db.transaction(async (tx) => {
				await tx.execute('select 5');
				proxy.halfOpen();
			})
		);
		expect(await committing).toMatch(LOST);
		const waiting = ['select 6', 'select 7'].map((text) => code(database.pool.query(text, [])));
		expect(await Promise.all(waiting)).toEqual(['ETIMEDOUT', 'fulfilled']);
		expect(await code(database.db.execute('select 8'))).toBe('fulfilled');
	});

	it('also in the middle of an answer', async () => {
		const { proxy, url } = await setUp();
		const { ask } = open(url, { settings: { statement_timeout: 0 } });
		await ask('select 1');
		const large = code(
			ask("select repeat('x', 100) as text, pg_sleep(0.005) from generate_series(1, 100000)")
		);
		await until(() => proxy.delivered > 20_000);
		proxy.halfOpen();
		expect(await large).toBe('ETIMEDOUT');
	});

	it('but an answer that keeps coming is waited for, however long it takes', async () => {
		const { proxy, url } = await setUp();
		const { ask } = open(url, { settings: { statement_timeout: 0 } });
		await ask('select 1');
		const started = performance.now();
		const rows = await ask(
			"select repeat('x', 3000), pg_sleep(0.04) from generate_series(1, 100) as i"
		);
		expect(rows).toHaveLength(100);
		expect(performance.now() - started).toBeGreaterThan(3 * ANSWER_MS);
		expect(proxy.accepted).toBe(1);
	});
});

describe('when a lock is held', () => {
	it('a statement gives it up by itself, and the connection goes on', async () => {
		const { url, direct } = await setUp();
		const { ask } = open(url);
		const before = await ask('select pg_backend_pid() as pid');
		await direct.begin(async (tx) => {
			await tx`lock table sessions`;
			expect(await code(ask('select from sessions'))).toBe('55P03');
		});
		expect(await ask('select pg_backend_pid() as pid')).toEqual(before);
	});
});

describe('a transaction that has stopped', () => {
	it('is ended by the server, so that its locks are free again', async () => {
		const { url, direct } = await setUp();
		const database = openDatabase(url, { answerMs: 200 });
		cleanUp.push(() => database.end());
		let goOn = () => {};
		const forgotten = new Promise<void>((resolve) => (goOn = resolve));
		const stopped = code(
			database.db.transaction(async (tx) => {
				await tx.execute('lock table sessions');
				await forgotten;
				await tx.execute('select 1');
			})
		);
		await until(() => direct`select from sessions limit 1`.then(() => true));
		expect(await stopped).toBe('CONNECTION_CLOSED');
		goOn();
	});
});

describe('those who wait for a connection', () => {
	it('are bounded in number', async () => {
		const { url } = await setUp();
		const { lanes, ask } = open(url, { maxWaiting: 2 });
		const release = await occupy(lanes);
		const waiting = ['select 1', 'select 2'].map((text) => code(ask(text)));
		expect(await code(ask('select 3'))).toBe('CONNECTION_BUSY');
		await release();
		expect(await Promise.all(waiting)).toEqual(['fulfilled', 'fulfilled']);
	});

	it('wait no longer than their bound, and are not sent afterwards', async () => {
		const { url, direct } = await setUp();
		const { lanes, ask } = open(url, { waitMs: 50 });
		const release = await occupy(lanes);
		expect(await code(ask('create table too_late ()'))).toBe('CONNECTION_BUSY');
		await release();
		await ask('select 1');
		expect(await direct`select to_regclass('too_late') as t`).toEqual([{ t: null }]);
	});

	it('leave when the one they wait for has gone, and make room', async () => {
		const { url } = await setUp();
		const { lanes, ask } = open(url, { maxWaiting: 1, forRequests: true });
		const release = await occupy(lanes);
		const request = new AbortController();
		const gone = whileWanted(request.signal, () => code(ask('select 1')));
		request.abort();
		expect(await gone).toBe('CONNECTION_UNWANTED');
		const other = code(ask('select 2'));

		const reader = new AbortController();
		const named = code(ask('select 3', reader.signal));
		expect(await named).toBe('CONNECTION_BUSY');
		await release();
		expect(await other).toBe('fulfilled');
		expect(await whileWanted(request.signal, () => code(ask('select 4')))).toBe('fulfilled');
	});

	it('of which one request may have many, without a warning in the log', async () => {
		const { url } = await setUp();
		const { lanes, ask } = open(url, { forRequests: true });
		const release = await occupy(lanes);
		const warnings: Error[] = [];
		const take = (warning: Error) => warnings.push(warning);
		process.on('warning', take);
		const asked = whileWanted(new AbortController().signal, () =>
			Promise.all(Array.from({ length: 20 }, () => ask('select 1')))
		);
		await release();
		await asked;
		process.off('warning', take);
		expect(warnings).toEqual([]);
	});

	it('and a statement that names its reader leaves with him', async () => {
		const { url } = await setUp();
		const { lanes, ask } = open(url);
		const release = await occupy(lanes);
		const reader = new AbortController();
		const gone = code(ask('select 1', reader.signal));
		reader.abort();
		expect(await gone).toBe('CONNECTION_UNWANTED');
		await release();
	});

	it('are refused when the pool is closed', async () => {
		const { url } = await setUp();
		const { lanes, ask } = open(url);
		const slow = code(ask('select pg_sleep(0.2)'));
		const waiting = code(ask('select 1'));
		await lanes.end();
		expect([await slow, await waiting]).toEqual(['fulfilled', 'CONNECTION_ENDED']);
		expect(await code(ask('select 2'))).toBe('CONNECTION_ENDED');
	});

	it('do not wait behind a slow statement while another connection is free', async () => {
		const { url, direct } = await setUp();
		const { ask } = open(url, { size: 2, answerMs: 60_000 });
		await Promise.all([ask('select 1'), ask('select 2')]);
		let over = false;
		await direct.begin(async (tx) => {
			await tx`lock table sessions`;
			void ask('select from sessions').then(() => (over = true));
			for (let i = 0; i < 20; i++) await Promise.all([ask('select 1'), ask('select 2')]);
			expect(over).toBe(false);
		});
		await until(() => over);
	});
});
