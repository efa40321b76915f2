import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Topic } from 'logline';
import { createTestDatabase, type TestDatabase } from '../../tests/support/database.ts';
import { addUser, startFeatureApp, type FeatureApp } from '../../tests/support/feature-app.ts';
import { until } from '../../tests/support/until.ts';
import { openClient, type Sql } from './driver-client.ts';
import { startTicker } from './ticker.ts';

const EVERY_MS = 50;

let database: TestDatabase;
let sql: Sql;
const stops: (() => Promise<void>)[] = [];

beforeEach(async () => {
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 1, name: 'ticker test' });
});

afterEach(async () => {
	for (const stop of stops.splice(0).reverse()) await stop();
	await sql.end();
	await database.drop();
});

/** No feature's: features can be deleted. */
const TOPIC = 'ticks' as Topic;

/** A process that emits into {@link TOPIC}. Its payloads contain its name. */
function startProcess(name: string, lingerMs = 0): { app: FeatureApp; asked: () => number } {
	const app = startFeatureApp(database.url);
	let asked = 0;
	stops.push(() => app.end());
	stops.push(
		startTicker({
			app,
			topic: TOPIC,
			everyMs: EVERY_MS,
			lingerMs,
			next: (count) => {
				asked++;
				const timestamp = new Date().toISOString();
				const message = String(count);
				const id = randomUUID();
				const payload: unknown = { id, level: 'info', source: name, message, timestamp };
				// Without features there is no topic, and no type of a payload either.
				return payload as never;
			}
		})
	);
	return { app, asked: () => asked };
}

const ticks = () => sql<{ source: string; count: number; user_id: string | null; at: number }[]>`
	select data->>'source' as source, (data->>'message')::int as count, user_id, extract(epoch from created_at)::float8 * 1000 as at
	from events where topic = ${TOPIC} order by id`;

const somebody = { id: '1', name: 'ada' };

test('three processes speak once in each slot, to everyone', async () => {
	const processes = ['a', 'b', 'c'].map((name) => startProcess(name));
	for (const { app } of processes) app.subscribe(somebody, [TOPIC]);
	const seen = await until(async () => {
		const all = await ticks();
		return all.length >= 20 && all;
	});
	// Several processes must have tried at the same time; otherwise this proves nothing.
	expect(processes.reduce((sum, { asked }) => sum + asked(), 0)).toBeGreaterThan(seen.length);
	// The first and last slot may be incomplete, and a late event of one slot is early for the next.
	const slots = (seen.at(-1)!.at - seen[0]!.at) / EVERY_MS;
	expect(seen.length).toBeLessThanOrEqual(slots + 3);
	expect(seen.every(({ user_id }) => user_id === null)).toBe(true);
});

test('no line is repeated and none skipped, whichever process speaks and however late it is', async () => {
	const processes = ['a', 'b', 'c'].map((name) => startProcess(name));
	for (const { app } of processes) app.subscribe(somebody, [TOPIC]);
	const seen = await until(async () => {
		// Makes a process late for its slot. This must only cause a pause.
		await sql`select pg_sleep(0.01) from demo_ticks for update`;
		const all = await ticks();
		return all.length >= 30 && all;
	});
	expect(seen.map(({ count }) => count)).toEqual(seen.map((_, i) => i));
});

test('a reader who disconnects has something to catch up on: the source goes on for a while', async () => {
	const { app } = startProcess('a', 1000);
	app.subscribe(somebody, [TOPIC]);
	await until(async () => (await ticks()).length >= 2);
	const before = (await ticks()).length;
	app.unsubscribe();
	await until(async () => (await ticks()).length >= before + 5);
	await until(async () => {
		const now = (await ticks()).length;
		await new Promise((resolve) => setTimeout(resolve, 4 * EVERY_MS));
		return (await ticks()).length === now;
	});
});

test('nobody listens: nothing is said, and no statement is sent', async () => {
	const { app, asked } = startProcess('a');
	const busy = startProcess('b');
	app.subscribe(somebody, ['notifications']);
	busy.app.subscribe(somebody, [TOPIC]);
	await until(async () => (await ticks()).length >= 5);
	expect(asked()).toBe(0);
	expect((await ticks()).every(({ source }) => source === 'b')).toBe(true);
	busy.app.unsubscribe();
	await until(async () => {
		const before = busy.asked();
		await new Promise((resolve) => setTimeout(resolve, 4 * EVERY_MS));
		return busy.asked() === before;
	});
});

test('a process whose subscriber comes later begins then', async () => {
	const { app } = startProcess('a');
	const ada = await addUser(app.database, 'ada');
	expect(await ticks()).toHaveLength(0);
	app.subscribe(ada, [TOPIC]);
	await until(async () => (await ticks()).length >= 2);
});

test('it goes on after its connection was killed, and says so in two lines', async () => {
	const { app } = startProcess('a');
	app.subscribe(somebody, [TOPIC]);
	await until(async () => (await ticks()).length >= 2);
	await sql`alter table demo_ticks rename to gone`;
	await until(() => app.lines.some(({ level }) => level === 40));
	await until(async () => {
		const [row] = await sql`
			select count(pg_terminate_backend(pid))::int as n from pg_stat_activity
			where datname = current_database() and application_name like '%background'`;
		return row?.n > 0;
	});
	await sql`alter table gone rename to demo_ticks`;
	const before = (await ticks()).length;
	await until(async () => (await ticks()).length >= before + 2);
	expect(app.lines.map(({ msg }) => msg)).toEqual(['failed; trying again', 'goes on']);
});
