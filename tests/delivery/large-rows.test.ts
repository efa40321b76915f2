import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { get, type ClientRequest } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { createUser, type TestUser } from '../support/app-server.ts';
import { liftBounds } from '../support/bounds.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';
import type { Usage } from './stream-process.ts';

/** LOGLINE_LARGE_ROWS=1: as many as once stopped all delivery. This takes minutes. */
const FULL = process.env.LOGLINE_LARGE_ROWS !== undefined;
/** Events of 259,001 characters, which `append` once accepted: 12 MB each as text. */
const NUMBERS = FULL ? 60 : 3;
/** Events of 5 MB. */
const LONG = FULL ? 400 : 5;
/** Too large to be sent to any client. */
const TOO_LARGE = 20 * 1_048_576;
/**
 * Memory above what the process itself needs: one event per reader, three times the arriving data, and garbage that is not
 * collected yet.
 */
const BOUND = 400 * 1_048_576;

let database: TestDatabase;
let sql: Sql;
let server: ChildProcess | null = null;
let user: TestUser;
const readers: Reader[] = [];

afterEach(async () => {
	for (const reader of readers.splice(0)) reader.close();
	await stopServer();
	await sql.end();
	await database.drop();
});

async function stopServer(): Promise<void> {
	if (!server) return;
	const ended = once(server, 'exit');
	server.kill('SIGKILL');
	await ended;
	server = null;
}

/**
 * Starts the server in its own process.
 *
 * @returns the address of its stream
 */
async function startServer(): Promise<string> {
	server = spawn(
		process.execPath,
		['--expose-gc', '--import', 'tsx', 'tests/delivery/stream-process.ts'],
		{
			env: { ...process.env, DATABASE_URL: database.url, VITEST: undefined },
			stdio: ['ignore', 'inherit', 'inherit', 'ipc']
		}
	);
	const [{ port }] = (await once(server, 'message')) as [{ port: number }];
	return `http://127.0.0.1:${port}/api/events`;
}

async function usage(): Promise<Usage> {
	const answer = once(server!, 'message');
	server!.send('usage');
	const [told] = (await answer) as [Usage];
	return told;
}

/** A client that reads the first characters of each line and stores no data. */
class Reader {
	/** Ids of events, in order of arrival. */
	readonly ids: number[] = [];
	readonly gaps: string[] = [];
	caughtUp = false;
	#line = '';
	#id = 0;
	readonly #request: ClientRequest;

	constructor(url: string, topics: string, from?: string) {
		const query = `${topics}&client=r${readers.length}x${process.pid}`;
		const headers: Record<string, string> = { cookie: user.cookie };
		if (from !== undefined) headers['last-event-id'] = from;
		this.#request = get(`${url}?${query}`, { headers }, (response) => {
			response.on('data', (bytes: Buffer) => this.#take(bytes));
			response.on('error', () => undefined);
		});
		this.#request.on('error', () => undefined);
		readers.push(this);
	}

	#take(bytes: Buffer): void {
		for (let from = 0; from < bytes.length;) {
			const end = bytes.indexOf(10, from);
			const until = end === -1 ? bytes.length : end;
			if (this.#line.length < 200) {
				this.#line += bytes.toString('latin1', from, Math.min(until, from + 200));
			}
			if (end === -1) return;
			this.#end(this.#line);
			this.#line = '';
			from = end + 1;
		}
	}

	#end(line: string): void {
		if (line.startsWith('id: ')) this.#id = Number(line.slice(4));
		else if (line === 'event: caught-up') this.caughtUp = true;
		else if (/^event: [a-e]$/.test(line)) this.ids.push(this.#id);
		else if (line.startsWith('data: {"topic"') && line.includes('"oldest"'))
			this.gaps.push(line.slice(6));
	}

	close(): void {
		this.#request.destroy();
	}
}

async function openScene(): Promise<string> {
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 2, name: 'test sql' });
	user = await createUser(database.url);
	await liftBounds(sql);
	return startServer();
}

const numbers = (from: number, to: number) =>
	Array.from({ length: to - from + 1 }, (_, i) => from + i);

const insertNumbers = (count: number) => sql`
	insert into events (topic, data)
	select 'a', ('[' || repeat('1e308,', 37000) || '0]')::jsonb from generate_series(1, ${count}::int)`;
const insertLong = (count: number) => sql`
	insert into events (topic, data) select 'a', to_jsonb(repeat('x', 5000000)) from generate_series(1, ${count}::int)`;
const insertSmall = (topic: string) => sql`insert into events (topic, data) values (${topic}, '1')`;

test('rows that are very large on the way out reach everybody in order, live and in a replay, delay nothing else for long, and memory stays bounded over a restart', async () => {
	let url = await openScene();
	const before = await usage();
	const live = new Reader(url, 'topics=a&topics=b');
	await until(() => live.caughtUp);
	await insertNumbers(NUMBERS);
	await insertLong(LONG);
	await insertSmall('b');
	const all = numbers(1, NUMBERS + LONG + 1);
	await until(() => live.ids.length === all.length, { timeoutMs: 240_000, everyMs: 50 });
	expect(live.ids).toEqual(all);
	const replays = [0, 1, 2].map(() => new Reader(url, 'topics=a&topics=b'));
	const other = new Reader(url, 'topics=b');
	await until(() => other.caughtUp, { timeoutMs: 5000 });
	await until(() => replays.every(({ caughtUp }) => caughtUp), { timeoutMs: 480_000, everyMs: 50 });
	for (const replay of replays) expect(replay.ids).toEqual(all);
	const { highest } = await usage();
	if (FULL)
		console.log(`${Math.round((highest - before.resident) / 1_048_576)} MB more than before`);
	expect(highest - before.resident).toBeLessThan(BOUND);

	await stopServer();
	url = await startServer();
	const again = new Reader(url, 'topics=b', '0');
	await until(() => again.caughtUp);
	expect(again.ids).toEqual([all.length]);
	expect((await usage()).highest - before.resident).toBeLessThan(BOUND);
}, 900_000);

test('an event that is too large to be sent is told as a gap in its place, live and in a replay, and what follows it arrives', async () => {
	const url = await openScene();
	const live = new Reader(url, 'topics=a');
	await until(() => live.caughtUp);
	await insertSmall('a');
	await sql`insert into events (topic, data) values ('a', to_jsonb(repeat('x', ${TOO_LARGE}::int)))`;
	await insertSmall('a');
	const gap = '{"topic":"a","after":"1","oldest":"3"}';
	await until(() => live.ids.length === 2);
	expect(live.ids).toEqual([1, 3]);
	expect(live.gaps).toEqual([gap]);
	const replay = new Reader(url, 'topics=a');
	await until(() => replay.caughtUp);
	expect(replay.ids).toEqual([1, 3]);
	expect(replay.gaps).toEqual([gap]);
});
