import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { createUser } from '../support/app-server.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { StreamClient } from '../support/stream-client.ts';
import { until } from '../support/until.ts';
import type { Usage } from './stream-process.ts';

const EVENTS = 200_000;
/** Rows of one INSERT. */
const BATCH = 20_000;
/** Makes the replay 100 MB: this would be buffered for a client that reads nothing, if nothing limited it. */
const PAD = 'x'.repeat(450);
const BOUND = 32 * 1_048_576;
/** Live events whose latency is measured. */
const TIMED = 60;

let database: TestDatabase;
let sql: Sql;
let server: ChildProcess;
const clients: StreamClient[] = [];

afterEach(async () => {
	for (const client of clients.splice(0)) client.close();
	const ended = once(server, 'exit');
	server.kill('SIGKILL');
	await ended;
	await sql.end();
	await database.drop();
});

/**
 * Starts the server.
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
	const answer = once(server, 'message');
	server.send('usage');
	const [told] = (await answer) as [Usage];
	return told;
}

/** Returns the median time of events of topic b from their INSERT to the client, in milliseconds. */
async function latency(client: StreamClient): Promise<number> {
	const times: number[] = [];
	for (let i = 0; i < TIMED; i++) {
		const wanted = client.of('b').length + 1;
		const started = performance.now();
		await sql`insert into events (topic, data) values ('b', ${wanted})`;
		await until(() => client.of('b').length === wanted, { everyMs: 1 });
		times.push(performance.now() - started);
	}
	return times.sort((a, b) => a - b)[TIMED / 2]!;
}

test('a client that stops reading in the middle of a replay of 200,000 events costs little memory, delays nobody, and gets them all when it reads again', async () => {
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 1, name: 'test sql' });
	for (let from = 1; from <= EVENTS; from += BATCH) {
		await sql`
			insert into events (topic, data)
			select 'a', jsonb_build_object('n', i, 'pad', ${PAD}::text)
			from generate_series(${from}::int, ${from + BATCH - 1}::int) as i`;
	}
	const user = await createUser(database.url);
	const url = await startServer();
	const open = (query: string) => {
		const client = new StreamClient(`${url}?${query}`, { cookie: user.cookie });
		clients.push(client);
		return client;
	};
	const other = open('topics=b&client=other');
	await other.caughtUp();
	const latencyBefore = await latency(other);
	// Collect garbage before the first measurement; otherwise later memory could reuse its room and stay hidden.
	const before = await usage();

	const slow = open('topics=a&client=slow');
	await slow.arrived('a');
	slow.pause();
	let last: Usage = before;
	let peak = 0;
	const look = async () => {
		const now = await usage();
		peak = Math.max(peak, now.peak);
		const stuck = now.written === last.written && now.written > before.written + 1_000_000;
		last = now;
		return stuck;
	};
	await until(look, {
		what: 'nothing leaves the server any more',
		everyMs: 250,
		timeoutMs: 30_000
	});
	const latencyWhile = await latency(other);
	await look();
	expect(slow.of('a').length).toBeLessThan(EVENTS / 2);
	expect(peak - before.resident).toBeLessThan(BOUND);
	// If anything waited for the client that reads nothing, the latency would be one poll (a second) or more. A busy machine
	// changes the median only a little.
	expect(latencyWhile).toBeLessThan(2 * latencyBefore + 50);

	slow.resume();
	await slow.caughtUp(120_000);
	expect(slow.of('a').map(({ data }) => (data as { n: number }).n)).toEqual(
		Array.from({ length: EVENTS }, (_, i) => i + 1)
	);
}, 240_000);
