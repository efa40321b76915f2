import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { migrate } from '../../drizzle/migrate.ts';
import { LoglineError } from '../../src/lib/protocol/index.ts';
import { createUser } from '../support/app-server.ts';
import { startServer, type PrivateServer } from '../support/private-server.ts';
import { openScene, type Scene } from '../support/scene.ts';
import { StreamClient } from '../support/stream-client.ts';
import { until } from '../support/until.ts';

/** Time limit of an append; see `WriterOptions.timeoutMs`. */
const APPEND_MS = 15_000;
/** How long Postgres is away: longer than the time limit, so that some appends fail and later ones succeed. */
const AWAY_MS = 20_000;
/** Pause between two events of one writer: steady load, but not the maximum. */
const PACE_MS = 5;
const WRITERS = 6;

let database: PrivateServer;
let scene: Scene;
let strangers: StreamClient | undefined;
/** True until the test has what it needs, or has failed. */
let writing: boolean;
let writers: Promise<unknown>;

beforeEach(async () => {
	writing = true;
	writers = Promise.resolve();
	database = await startServer();
	await migrate(database.url);
	scene = await openScene({ keepAliveMs: 500 }, { url: database.url });
});
afterEach(async () => {
	writing = false;
	await writers;
	strangers?.close();
	await scene.close();
	await database.remove();
});

/** One call of `append`. Times in milliseconds of the same clock. */
interface Attempt {
	value: string;
	keyed: boolean;
	from: number;
	to: number;
	/** null: it was refused. */
	id: string | null;
	error: unknown;
}

/**
 * Appends one event after the other. With keys, it repeats refused appends. Without keys it does not, because that could
 * double an event.
 */
async function write(name: string, keyed: boolean, attempts: Attempt[]): Promise<void> {
	for (let n = 0; writing;) {
		const value = `${name} ${n}`;
		const from = performance.now();
		let id: string | null = null;
		let error: unknown = null;
		try {
			const [appended] = await scene.server.app.logline.append([
				{
					topic: n % 2 ? 'a' : 'b',
					data: value,
					userId: n % 3 ? null : scene.user.id,
					...(keyed && { key: value })
				}
			]);
			id = appended!.id;
		} catch (reason) {
			error = reason;
		}
		attempts.push({ value, keyed, from, to: performance.now(), id, error });
		if (id !== null || !keyed) n++;
		await pause(PACE_MS);
	}
}

/** Returns the events of a user in the log, in order. */
const visible = (userId: string, ...topics: string[]) =>
	scene.sql<{ id: string; event: string; data: unknown }[]>`
		select id::text, topic as event, data from events
		where topic = any(${topics}) and (user_id is null or user_id = ${userId}) order by events.id`;

test('Postgres is gone for 20 s: streams stay open, appends wait and then say so, and nothing is lost or doubled', async () => {
	const stranger = await createUser(database.url);
	const streams = [
		{ client: scene.open('topics=a&topics=b&client=1'), topics: ['a', 'b'], user: scene.user },
		{ client: scene.open('topics=a&client=2'), topics: ['a'], user: scene.user },
		{ client: scene.open('topics=b&client=3'), topics: ['b'], user: scene.user }
	];
	strangers = new StreamClient(scene.server.stream('topics=a&topics=b'), {
		cookie: stranger.cookie
	});
	streams.push({ client: strangers, topics: ['a', 'b'], user: stranger });
	for (const { client } of streams) await client.caughtUp();

	const attempts: Attempt[] = [];
	writers = Promise.all(
		Array.from({ length: WRITERS }, (_, i) => write(`writer ${i}`, i % 2 === 0, attempts))
	);
	await until(() => attempts.length > 200, { what: 'the writers are at work' });

	await database.kill9();
	const gone = performance.now();
	const keepAlives = streams.map(({ client }) => client.of('keep-alive').length);
	await pause(AWAY_MS);
	const health = scene.server.app.health();
	expect([health.status, health.database, health.listener]).toEqual(['degraded', 'down', 'down']);
	for (const [i, { client }] of streams.entries()) {
		expect(client.ended).toBe(false);
		expect(client.of('keep-alive').length - keepAlives[i]!).toBeGreaterThan(10);
	}
	const back = performance.now();
	await database.start();

	const again = await until(() => attempts.find(({ id, to }) => id !== null && to > back), {
		what: 'appends work again'
	});
	const enough = attempts.length + 200;
	await until(() => attempts.length > enough, { what: 'the writers are at work again' });
	writing = false;
	await writers;

	// Callers that started when Postgres was away waited for the full time limit, and no longer.
	const refused = attempts.filter(({ id }) => id === null);
	expect(refused.length).toBeGreaterThanOrEqual(WRITERS);
	for (const { error, from, to } of refused) {
		expect(error).toBeInstanceOf(LoglineError);
		// A batch that had been sent may be written. One that had not been sent is not written.
		expect((error as LoglineError).code).toMatch(/^(append_timeout|log_unavailable)$/);
		expect(error).toMatchObject({ status: 503 });
		expect(to - from).toBeGreaterThanOrEqual(APPEND_MS - 1);
		expect(to, 'refused while Postgres was still gone').toBeLessThan(back);
	}
	// An append that was called during the outage and still had time succeeded by itself.
	expect(again.from).toBeGreaterThan(gone);
	expect(again.from).toBeLessThan(back);

	const log = await visible(scene.user.id, 'a', 'b');
	const values = new Map(log.map(({ id, data }) => [id, data]));
	expect(new Set(values.values()).size, 'each event is in the log once').toBe(log.length);
	for (const { id, value } of attempts) if (id !== null) expect(values.get(id)).toBe(value);
	// Every keyed event was acknowledged in the end, so the log has all of them.
	const keyed = new Set(attempts.filter((attempt) => attempt.keyed).map(({ value }) => value));
	for (const value of keyed) {
		expect(attempts.some((attempt) => attempt.value === value && attempt.id !== null)).toBe(true);
	}

	for (const { client, topics, user } of streams) {
		const owed = [...(await visible(user.id, ...topics))];
		await until(() => client.of(...topics).length >= owed.length, {
			what: 'everything has arrived'
		});
		expect(client.of(...topics)).toEqual(owed);
		// It is still the first stream: there was no second `caught-up`.
		expect(client.of('caught-up')).toHaveLength(1);
		expect(client.ended).toBe(false);
	}
	await until(() => scene.server.app.health().status === 'ok', { what: 'all is well again' });
}, 120_000);
