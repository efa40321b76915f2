import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { migrate } from '../../drizzle/migrate.ts';
import type { Sql } from '../../src/app/driver-client.ts';
import { createUser, type TestUser } from '../support/app-server.ts';
import { startServer, type PrivateServer } from '../support/private-server.ts';
import { openSteady } from '../support/steady-sql.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { until } from '../support/until.ts';
import { AppProcess } from './apps.ts';
import { backends, underWay, withLogHeld } from './held-log.ts';
import { ask, type Answer } from './http.ts';
import { ReturningReader } from './returning-reader.ts';

/** Longer than the time limit of an append. */
const ANSWER_MS = 25_000;

let database: PrivateServer;
/** Between the application and Postgres. */
let toDatabase: Proxy;
/** Between clients and the application. Append requests do not use it. */
let toApp: Proxy;
let app: AppProcess;
let sql: Sql;
let user: TestUser;
let reader: ReturningReader;
let count = 0;

beforeAll(async () => {
	// Only processes are killed here, not machines.
	database = await startServer({ fsync: 'off' }, { inMemory: true });
	await migrate(database.url);
	sql = openSteady(database.url, { size: 4, name: 'test sql' });
	await sql`create table checker_business (tag text primary key)`;
	user = await createUser(database.url);
	toDatabase = await startProxy(database.port);
	const url = new URL(database.url);
	url.port = String(toDatabase.port);
	app = await AppProcess.start(url.href);
	toApp = await startProxy(app.port);
});
afterAll(async () => {
	await app.stop();
	await toApp.close();
	await toDatabase.close();
	await sql.end();
	await database.remove();
});

beforeEach(async () => {
	await app.healthy(30_000);
	// The test's own connections may have died with Postgres in the previous test.
	await until(() => Promise.all(Array.from({ length: 8 }, () => sql`select 1`)));
	count++;
	reader = openReader(`client${count}`);
	await append(value('first'));
	await reader.has(value('first'));
});
afterEach(() => {
	toDatabase.refuse(false);
	reader.close();
	expect(app.failures).toEqual([]);
});

const openReader = (client: string) =>
	new ReturningReader(
		`http://127.0.0.1:${toApp.port}/api/events?topics=a&client=${client}`,
		user.cookie
	);

/** Returns a value that is unique to this test. */
const value = (what: string) => `${what} ${count}`;

/** Appends through the application; null: no response. */
function append(data: string, key = data): Promise<Answer | null> {
	return ask(`http://127.0.0.1:${app.port}/append`, {
		body: [{ topic: 'a', data, ...(key && { key }) }],
		timeoutMs: ANSWER_MS
	});
}

/** Appends through the outbox, in a transaction of the application that also writes another row. */
function transact(data: string, tag = data): Promise<Answer | null> {
	return ask(`http://127.0.0.1:${app.port}/transaction`, {
		body: { events: [{ topic: 'a', data, key: data }], tags: [tag], rollback: false, holdMs: 0 },
		timeoutMs: ANSWER_MS
	});
}

const log = () =>
	sql<{ id: string; data: unknown }[]>`
		select id::text, data from events where topic = 'a' order by events.id`;
const times = async (data: string) => (await log()).filter((event) => event.data === data).length;
const committed = (data: string) =>
	until(async () => (await times(data)) === 1, { what: `"${data}" is in the log` });

/** Takes that connection from the application for good. */
async function takeAway(name: string): Promise<void> {
	toDatabase.refuse(true);
	await until(
		async () => {
			const open = await backends(sql, name);
			for (const { pid } of open) await sql`select pg_terminate_backend(${pid}::int)`;
			return open.length === 0;
		},
		{ what: `the ${name} has no connection` }
	);
}

/** Kills the application. The connections that the proxy holds end with it. */
async function kill(): Promise<void> {
	await app.kill9();
	toDatabase.cut();
}

/** Waits until the killed process's connections in Postgres have ended. */
async function orphansGone(): Promise<void> {
	for (const name of ['writer', 'relay']) {
		await until(async () => (await backends(sql, name)).length === 0, {
			what: `the ${name} of the killed process is gone`
		});
	}
}

/** Starts a second process: the client reconnects and must have received the whole log, each event once, in order. */
async function expectNothingLost(): Promise<void> {
	toDatabase.refuse(false);
	await app.restart();
	reader.reconnect();
	await append(value('last'));
	await reader.has(value('last'));
	await hasTheLog();
}

/** The reader has the log, each event once, in order. Events from the outbox may still come into it meanwhile. */
async function hasTheLog(): Promise<void> {
	let events: unknown[] = [];
	let seen: unknown[] = [];
	const compare = async () => {
		events = [...(await log())];
		seen = reader.all();
		return seen.length === events.length;
	};
	// If they never have the same length, a last look shows how they differ, or why the log cannot be read.
	await until(compare).catch(compare);
	expect(seen).toEqual(events);
}

/** The caller whose response was lost sends the request again with its key. */
async function expectRetryToMakeOne(data: string): Promise<Answer> {
	const answer = await until(() => append(data), { what: 'the append is answered' });
	expect(answer.status).toBe(200);
	expect(await times(data)).toBe(1);
	await reader.has(data);
	await hasTheLog();
	return answer;
}

test('killed after append was called and before its statement left: nothing is there, and asking again makes it one', async () => {
	await takeAway('writer');
	const answer = append(value('unsent'));
	// Requests are handled in order: this one came after the append.
	await ask(`http://127.0.0.1:${app.port}/health`, { timeoutMs: ANSWER_MS });
	await kill();
	expect(await answer).toBeNull();
	expect(await times(value('unsent'))).toBe(0);
	await expectNothingLost();
	expect((await expectRetryToMakeOne(value('unsent'))).body).toMatchObject([{ duplicate: false }]);
});

test('killed while Postgres executes the statement: the event is there once or not at all, and asking again makes it one', async () => {
	let answer: Promise<Answer | null> = Promise.resolve(null);
	await withLogHeld(sql, async () => {
		answer = append(value('executing'));
		await underWay(sql, 'writer');
		await kill();
	});
	expect(await answer).toBeNull();
	await orphansGone();
	expect(await times(value('executing'))).toBeLessThanOrEqual(1);
	await expectNothingLost();
	await expectRetryToMakeOne(value('executing'));
});

test('killed after the commit and before the answer has come: the event is delivered once, and asking again adds none', async () => {
	let answer: Promise<Answer | null> = Promise.resolve(null);
	await withLogHeld(sql, async () => {
		answer = append(value('unanswered'));
		await underWay(sql, 'writer');
		toDatabase.halfOpen();
	});
	await committed(value('unanswered'));
	await kill();
	expect(await answer).toBeNull();
	await expectNothingLost();
	expect((await expectRetryToMakeOne(value('unanswered'))).body).toMatchObject([
		{ duplicate: true }
	]);
});

test('killed after the answer and before the log was read for clients: the event is delivered once', async () => {
	await takeAway('tailer');
	const answer = await append(value('unread'));
	expect(answer?.status).toBe(200);
	await kill();
	expect(reader.all().map(({ data }) => data)).not.toContain(value('unread'));
	await expectNothingLost();
	expect(await times(value('unread'))).toBe(1);
});

test('killed when the frame has been written and has not reached the client: the event is delivered once', async () => {
	toApp.halfOpen();
	// A reader with a working connection shows that the event was sent.
	const witness = openReader('witness');
	await witness.has(value('first'));
	expect((await append(value('unseen')))?.status).toBe(200);
	await witness.has(value('unseen'));
	witness.close();
	await kill();
	expect(reader.all().map(({ data }) => data)).not.toContain(value('unseen'));
	await expectNothingLost();
	expect(await times(value('unseen'))).toBe(1);
});

test('killed after the business transaction committed and before the relay saw it: the event follows, once', async () => {
	// The transaction's connection must exist before new connections are refused.
	await transact(value('warm'));
	await committed(value('warm'));
	await takeAway('relay');
	const answer = await transact(value('outbox'));
	expect(answer?.body).toEqual({ committed: true });
	await kill();
	expect(await sql`select from outbox`).toHaveLength(1);
	expect(await times(value('outbox'))).toBe(0);
	await expectNothingLost();
	await reader.has(value('outbox'));
	// A caller that does not know the outcome sends the request again, in a new transaction. The key prevents a second
	// event.
	await transact(value('outbox'), value('again'));
	await until(async () => (await sql`select from outbox`).length === 0);
	expect(await times(value('outbox'))).toBe(1);
});

test('killed while the relay moves rows: each becomes an event, once', async () => {
	await withLogHeld(sql, async () => {
		const answer = await transact(value('moving'));
		expect(answer?.body).toEqual({ committed: true });
		await underWay(sql, 'relay');
		await kill();
	});
	await orphansGone();
	await expectNothingLost();
	await reader.has(value('moving'));
	expect(await sql`select from outbox`).toHaveLength(0);
	expect(await times(value('moving'))).toBe(1);
	await hasTheLog();
});

/** Checks that the response is correct: it has the id that is in the log, and even without a key there is only one event. */
async function expectTruth(answer: Promise<Answer | null>, data: string): Promise<void> {
	const told = await answer;
	expect(told?.status).toBe(200);
	// The test's own connection must reconnect, too.
	const events = (await until(log)).filter((event) => event.data === data);
	expect(events).toHaveLength(1);
	expect(told?.body).toMatchObject([{ id: events[0]!.id }]);
	await reader.has(data);
	await hasTheLog();
}

test('the backend that executes the statement is ended: the append finds out and answers the truth', async () => {
	let answer: Promise<Answer | null> = Promise.resolve(null);
	await withLogHeld(sql, async () => {
		answer = append(value('backend'), '');
		const { pid } = await underWay(sql, 'writer');
		await sql`select pg_terminate_backend(${pid}::int)`;
		await until(async () => (await backends(sql, 'writer')).every((other) => other.pid !== pid));
	});
	await expectTruth(answer, value('backend'));
});

test('the backend that executes the statement is killed, and Postgres starts anew: the append finds out and answers the truth', async () => {
	let answer: Promise<Answer | null> = Promise.resolve(null);
	// The session that holds the log's lock ends with all others.
	await withLogHeld(sql, async () => {
		answer = append(value('signal'), '');
		const { pid } = await underWay(sql, 'writer');
		process.kill(pid, 'SIGKILL');
	});
	await expectTruth(answer, value('signal'));
});

test('Postgres is killed while it executes the statement: the append finds out and answers the truth', async () => {
	let answer: Promise<Answer | null> = Promise.resolve(null);
	await withLogHeld(sql, async () => {
		answer = append(value('server'), '');
		await underWay(sql, 'writer');
		await database.kill9();
	});
	await database.start();
	await expectTruth(answer, value('server'));
});

test('Postgres is killed after the commit, and its answer was lost: the append finds out and answers the truth', async () => {
	let answer: Promise<Answer | null> = Promise.resolve(null);
	await withLogHeld(sql, async () => {
		answer = append(value('swallowed'), '');
		await underWay(sql, 'writer');
		toDatabase.halfOpen();
	});
	await committed(value('swallowed'));
	await database.kill9();
	toDatabase.cut();
	await database.start();
	await expectTruth(answer, value('swallowed'));
});
