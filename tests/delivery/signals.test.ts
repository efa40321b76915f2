import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { EmittedEvent, SentSignal } from '../../src/lib/server/index.ts';
import { openScene, type Scene } from '../support/scene.ts';
import type { AppServer } from '../support/app-server.ts';
import type { StreamClient } from '../support/stream-client.ts';
import { until } from '../support/until.ts';

const TYPING = 'rooms/1/typing';

let scene: Scene;
beforeEach(async () => {
	scene = await openScene();
});
afterEach(() => scene.close());

/** The topics of tests have no declared payload types. */
const signal = (topic: string, data: unknown, rest: object = {}, at: AppServer = scene.server) =>
	at.app.logline.signal({ event: topic, data, ...rest } as unknown as SentSignal<never>);

const grant = (scope: string) => scene.server.app.logline.grant(scope, scene.user.id);

/** What the frames of signals say. */
const dataOf = (client: StreamClient, topic: string) =>
	client.data(topic).map((frame) => (frame as { data: unknown }).data);

describe('a signal', () => {
	test('reaches the open streams of every server, with its sender and without an id, and is not kept', async () => {
		const other = await scene.addServer();
		await grant('rooms/1');
		await scene.insert('a', 'one');
		const here = scene.open('topics=a&topics=rooms/*/typing');
		const there = scene.open('topics=rooms/1/typing', { server: other });
		const caughtUp = await here.caughtUp();
		await there.caughtUp();
		expect(caughtUp.data).toMatchObject({ signals: ['rooms/*/typing'] });
		const { cursor } = here;
		const sender = { id: 'ann', name: 'Ann' };
		await signal(TYPING, { on: true }, { sender });
		for (const client of [here, there]) await client.arrived(TYPING);
		expect(here.of(TYPING)).toEqual([
			{ id: cursor, event: TYPING, data: { data: { on: true }, from: sender, ttl: 1500, key: '' } }
		]);
		expect(here.of('subscribed')).toHaveLength(1);
		expect(here.cursor).toBe(cursor);
		const later = scene.open('topics=a&topics=rooms/1/typing');
		await later.caughtUp();
		await signal(TYPING, 'again');
		await later.arrived(TYPING);
		expect(dataOf(later, TYPING)).toEqual(['again']);
		const rows = await scene.sql`select from events where topic = ${TYPING}`;
		expect(rows).toHaveLength(0);
	});

	test('for one user reaches that user alone', async () => {
		const client = scene.open('topics=pointers');
		await client.caughtUp();
		await signal('pointers', 'not mine', { userID: 'somebody else' });
		await signal('pointers', 'mine', { userID: scene.user.id, sender: { id: 'x', name: 'x' } });
		await signal('pointers', 'for all');
		await until(() => client.of('pointers').length === 2, { what: 'both arrived' });
		expect(dataOf(client, 'pointers').sort()).toEqual(['for all', 'mine']);
	});

	test('that comes before the last one about the same was sent replaces it', async () => {
		const client = scene.open('topics=pointers&topics=a');
		await client.caughtUp();
		for (let n = 0; n < 500; n++) {
			await signal('pointers', { of: 'mouse', n });
			await signal('pointers', { of: 'pen', n });
		}
		const last = (of: string) => dataOf(client, 'pointers').some((d) => has(d, { of, n: 499 }));
		await until(() => last('mouse') && last('pen'), { what: 'the newest of both arrived' });
		expect(client.of('pointers').length).toBeLessThan(200);
	});

	test('reaches nobody who was revoked before it was sent, on any server', async () => {
		const other = await scene.addServer();
		await grant('rooms/1');
		const clients = [
			scene.open('topics=a&topics=rooms/*/typing'),
			scene.open('topics=a&topics=rooms/1/typing', { server: other })
		];
		for (const client of clients) await client.caughtUp();
		// The log is held: no server can know of the revoke when the signal is sent.
		await scene.sql.begin(async (tx) => {
			await tx`select logline_lock()`;
			await scene.sql`delete from grants`;
			const [sent] = await scene.sql`select clock_timestamp() as at`;
			await signal(TYPING, 'secret');
			const tried = () => scene.sql`
				select from pg_stat_activity where application_name = 'logline signals' and state = 'idle'
					and datname = current_database() and query_start > ${sent!.at}`;
			await until(async () => (await tried()).length > 0, { what: 'the server tried to send it' });
		});
		for (const client of clients) await client.arrived('denied');
		await grant('rooms/1');
		const heard = (client: StreamClient) => dataOf(client, TYPING).includes('open again');
		await until(() => clients.every(heard) || again(), { what: 'they hear again' });
		for (const client of clients) expect(dataOf(client, TYPING)).not.toContain('secret');

		/** At most once: a signal that comes before the stream has the room again is not heard. */
		async function again() {
			await signal(TYPING, 'open again');
			return false;
		}
	});

	test('is skipped by a slow stream, and its events are not', async () => {
		const slow = scene.open('topics=pointers&topics=a');
		const quick = scene.open('topics=pointers');
		await Promise.all([slow.caughtUp(), quick.caughtUp()]);
		slow.pause();
		const text = 'x'.repeat(3000);
		const sent = 20_000;
		for (let n = 1; n <= sent; n++) {
			await signal('pointers', { of: String(n), text });
			if (n % 200 > 0) continue;
			const last = () => has(dataOf(quick, 'pointers').at(-1), { of: String(n) });
			await until(last, { what: 'everything was sent', everyMs: 1 });
		}
		await scene.insert('a', 1, 2, 3);
		slow.resume();
		await until(() => slow.of('a').length === 3, { what: 'the events arrived' });
		expect(slow.of('pointers').length).toBeLessThan(sent / 2);
	}, 60_000);

	test('that SQL inserts as an event is refused with a hint', async () => {
		for (const table of ['events', 'outbox']) {
			const insert = scene.sql.unsafe(
				`insert into ${table} (topic, data) values ('rooms/1/typing', '1')`
			);
			await expect(insert).rejects.toMatchObject({
				message: expect.stringContaining('is a signal'),
				hint: expect.stringContaining('logline.signal()')
			});
		}
	});
});

describe('who sends what does not fit is told what to do', () => {
	test.each([
		['pointers', undefined, 'invalid_data'],
		['pointers', { text: 'ü'.repeat(2000) }, 'invalid_data'],
		['pointers', { of: 'x'.repeat(201) }, 'invalid_data'],
		['nothing', 1, 'unknown_topic'],
		['a', 1, 'not_a_signal']
	])('to "%s"', async (topic, data, code) => {
		await expect(signal(topic, data)).rejects.toMatchObject({ code });
	});

	test('by emit', async () => {
		const event = { event: 'pointers', data: 1 } as unknown as EmittedEvent<never>;
		await expect(scene.server.app.logline.emit(event)).rejects.toMatchObject({
			code: 'not_durable'
		});
	});
});

describe('a browser', () => {
	const receive = (body: unknown, name = 'Ann') =>
		scene.server.app.logline.receiveSignal({ id: scene.user.id, name }, body);

	test('sends to a room that it may see, and the receivers know from whom', async () => {
		await grant('rooms/1');
		const client = scene.open('topics=rooms/1/typing');
		await client.caughtUp();
		await receive({ topic: TYPING, data: true });
		const { data } = await client.arrived(TYPING);
		expect(data).toMatchObject({ data: true, from: { id: scene.user.id, name: 'Ann' } });
	});

	test.each<[string, unknown, string | undefined]>([
		['null, as an empty column', null, undefined],
		['as long as a book', 'é'.repeat(100_000), 'é'.repeat(100)]
	])('sends also when the name of its user is %s', async (_, name, shown) => {
		await grant('rooms/1');
		const client = scene.open('topics=rooms/1/typing');
		await client.caughtUp();
		await receive({ topic: TYPING, data: true }, name as string);
		const { id } = scene.user;
		const { data } = await client.arrived(TYPING);
		expect(data).toMatchObject({ from: { id, name: shown ?? id } });
	});

	test.each<[string, unknown]>([
		['a number', 7],
		['half of a surrogate pair', '\ud83d']
	])('is refused with what to do when the name of its user is %s', async (_, name) => {
		await grant('rooms/1');
		await expect(receive({ topic: TYPING, data: true }, name as string)).rejects.toMatchObject({
			code: 'invalid_user',
			status: 400
		});
	});

	test('is refused what it may not send', async () => {
		const refused = (body: unknown, code: string, status: number) =>
			expect(receive(body)).rejects.toMatchObject({ code, status });
		await refused({ topic: TYPING, data: true }, 'forbidden_topic', 403);
		await refused({ topic: 'pointers', data: true }, 'forbidden_topic', 403);
		await refused({ topic: 'a', data: true }, 'forbidden_topic', 403);
		await refused({ topic: 'nothing', data: true }, 'unknown_topic', 400);
		await refused({ topic: TYPING }, 'invalid_body', 400);
		await refused(null, 'invalid_body', 400);
		await grant('rooms/1');
		await receive({ topic: TYPING, data: true });
		await scene.server.app.logline.revoke('rooms/1', scene.user.id);
		await refused({ topic: TYPING, data: true }, 'forbidden_topic', 403);
	});

	test('that sends too many is told to wait, and others are not', async () => {
		await grant('rooms/1');
		const all = Array.from({ length: 200 }, () => receive({ topic: TYPING, data: 1 }));
		const outcomes = await Promise.allSettled(all);
		const refused = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
		expect(refused.length).toBeGreaterThan(100);
		expect(refused[0]).toMatchObject({ code: 'too_many_signals', status: 429, retryAfter: 1 });
	});
});

const has = (data: unknown, part: object) =>
	Object.entries(part).every(([key, value]) => (data as Record<string, unknown>)?.[key] === value);
