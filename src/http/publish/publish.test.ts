import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createUser } from '../../../tests/support/app-server.ts';
import { openScene, type Scene } from '../../../tests/support/scene.ts';
import { withLogHeld } from '../../../tests/faults/held-log.ts';
import { until } from '../../../tests/support/until.ts';
import { publish, type PublishRequest } from './publish.ts';

const TOKEN = 'a token of a test';
const FEED = 'application/x-ndjson';

let scene: Scene;
beforeAll(async () => {
	scene = await openScene({ publishToken: TOKEN });
});
afterAll(() => scene.close());

/** What a response says. */
interface Answer {
	ids?: string[];
	duplicates?: number;
	written?: number;
	next?: number;
	error?: { code: string; message: string; index?: number; line?: number };
}

async function send(
	chunks: Iterable<string | Buffer> | AsyncIterable<Buffer>,
	headers: Record<string, string> = {}
) {
	const request: PublishRequest = {
		header: (name) => ({ authorization: `Bearer ${TOKEN}`, ...headers })[name],
		chunks: (async function* () {
			for await (const chunk of chunks) yield Buffer.from(chunk);
		})()
	};
	const { status, headers: told, body } = await publish(scene.server.app, request);
	return { status, headers: told, ...(JSON.parse(body) as Answer) };
}

const sendJson = (body: unknown) => send([JSON.stringify(body)]);
const sendFeed = (...lines: unknown[]) =>
	send([lines.map((line) => JSON.stringify(line)).join('\n')], { 'content-type': FEED });

let count = 0;
const freshKey = () => `key ${++count}`;

const logged = (topic: string) =>
	scene.sql<{ id: string; data: unknown; user_id: string | null }[]>`
		select id::text, data, user_id from events where topic = ${topic} order by id`;

describe('who may publish', () => {
	test('nobody, while the server has no token', async () => {
		const { app } = scene.server;
		const closed = { ...app, config: { ...app.config, publishToken: null } };
		const { status, body } = await publish(closed, {
			header: () => 'Bearer null',
			chunks: (async function* () {})()
		});
		expect(status).toBe(503);
		expect(body).toContain('publishing_disabled');
	});

	test.each(['', 'Bearer', 'Bearer wrong', `Basic ${TOKEN}`])(
		'not who sends %j, whose body is not read',
		async (authorization) => {
			// eslint-disable-next-line require-yield -- it is an error to ask for a chunk
			const unread = (async function* (): AsyncGenerator<Buffer> {
				throw new Error('read');
			})();
			expect(await send(unread, { authorization })).toMatchObject({
				status: 401,
				headers: { 'www-authenticate': 'Bearer' },
				error: { code: 'unauthorized' }
			});
		}
	);
});

test('one event, or several in their order: the answer has their ids', async () => {
	const one = await sendJson({ topic: 'a', data: 1 });
	expect(one).toMatchObject({ status: 200, duplicates: 0 });
	const some = await sendJson([
		{ topic: 'a', data: 2 },
		{ topic: 'a', data: null }
	]);
	expect((await logged('a')).map(({ id, data }) => [id, data])).toEqual([
		[one.ids![0], 1],
		[some.ids![0], 2],
		[some.ids![1], null]
	]);
	expect(await sendJson([])).toMatchObject({ status: 200, ids: [], duplicates: 0 });
});

test('an event for a user goes to nobody else, and names are compared as at sign-in', async () => {
	const other = await createUser(scene.database.url, 'Grete');
	await sendJson([
		{ topic: 'b', data: 'for one', username: scene.user.name },
		{ topic: 'b', data: 'for the other', username: 'gRETE' },
		{ topic: 'b', data: 'for all' }
	]);
	expect((await logged('b')).map(({ user_id }) => user_id)).toEqual([
		scene.user.id,
		other.id,
		null
	]);
});

test('a key answers the first id for ever, also twice in one request', async () => {
	const key = freshKey();
	const first = await sendJson({ topic: 'c', data: 1, key });
	const again = await sendJson([
		{ topic: 'c', data: 2, key },
		{ topic: 'c', data: 3, key: `${key}, another` },
		{ topic: 'c', data: 4, key: `${key}, another` }
	]);
	expect(again).toMatchObject({ status: 200, duplicates: 2 });
	expect(again.ids![0]).toBe(first.ids![0]);
	expect(again.ids![1]).toBe(again.ids![2]);
	expect((await logged('c')).map(({ data }) => data)).toEqual([1, 3]);
});

/** What is wrong with an item, and the code and text of the answer. */
const WRONG: [string, unknown, string, RegExp][] = [
	['a topic that is not declared', { topic: 'z', data: 1 }, 'unknown_topic', /no topic "z"/],
	['a topic of the log', { topic: '$granted', data: 1 }, 'unknown_topic', /"\$granted"/],
	['a pattern', { topic: 'rooms/[room]/messages', data: 1 }, 'unknown_topic', /no topic/],
	['a signal', { topic: 'pointers', data: 1 }, 'not_durable', /is a signal/],
	['no user of that name', { topic: 'd', data: 1, username: 'no one' }, 'unknown_user', /"no one"/],
	['a misspelt property', { topic: 'd', data: 1, userName: 'x' }, 'invalid_body', /"userName"/],
	['no name', { topic: 'd', data: 1, username: null }, 'invalid_body', /Leave it out/],
	['an empty name', { topic: 'd', data: 1, username: '' }, 'invalid_body', /Leave it out/],
	['no data', { topic: 'd' }, 'invalid_body', /`data` is missing/],
	['no topic', { data: 1 }, 'invalid_body', /`topic`/],
	['a number as key', { topic: 'd', data: 1, key: 7 }, 'invalid_body', /`key`/],
	['a key of 201 characters', { topic: 'd', data: 1, key: 'k'.repeat(201) }, 'invalid_key', /200/],
	['half a producer', { topic: 'd', data: 1, producer: { name: 'p' } }, 'invalid_body', /producer/],
	[
		'a negative epoch',
		{ topic: 'd', data: 1, producer: { name: 'p', epoch: -1 } },
		'invalid_producer',
		/from 0/
	],
	[
		'data that is too large',
		{ topic: 'd', data: 'x'.repeat(262_143) },
		'invalid_data',
		/at most 262144/
	],
	['U+0000', { topic: 'd', data: 'a\0b' }, 'invalid_data', /U\+0000/],
	['no object', 'd', 'invalid_body', /is an object/],
	['an array in the array', [], 'invalid_body', /is an object/]
];

describe('an item with', () => {
	test.each(WRONG)(
		'%s is named, and nothing of its request is written',
		async (_, item, code, text) => {
			const answer = await sendJson([
				{ topic: 'd', data: 'good' },
				item,
				{ topic: 'd', data: 'good' }
			]);
			expect(answer).toMatchObject({ status: 400, error: { code, index: 1 } });
			expect(answer.error!.message).toMatch(/^Item 1: /);
			expect(answer.error!.message).toMatch(text);
			expect(await logged('d')).toEqual([]);
		}
	);

	test.each(WRONG)(
		'%s ends a feed, whose lines before it are written',
		async (_, item, code, text) => {
			const before = (await logged('e')).length;
			const answer = await sendFeed({ topic: 'e', data: 1 }, { topic: 'e', data: 2 }, item, {
				topic: 'e',
				data: 3
			});
			expect(answer).toMatchObject({
				status: 400,
				error: { code, line: 3 },
				written: 2,
				duplicates: 0,
				next: 3
			});
			expect(answer.error!.message).toMatch(text);
			expect((await logged('e')).length).toBe(before + 2);
		}
	);

	test('an ended topic is named, and harms nothing of a feed before it', async () => {
		await sendJson({ topic: 'rooms/1/messages', data: 1 });
		await scene.server.app.logline.end('rooms/1/messages');
		const events = [
			{ topic: 'rooms/2/messages', data: 1 },
			{ topic: 'rooms/1/messages', data: 2 }
		];
		expect(await sendJson(events)).toMatchObject({
			status: 409,
			error: { code: 'topic_ended', index: 1 }
		});
		expect(await logged('rooms/2/messages')).toEqual([]);
		expect(await sendFeed(...events)).toMatchObject({
			status: 409,
			error: { code: 'topic_ended', line: 2 },
			written: 1,
			next: 2
		});
		expect(await logged('rooms/2/messages')).toHaveLength(1);
	});

	test('the line of a feed whose epoch is over is named, and harms nothing before it', async () => {
		const by = (epoch: number, key?: string) => ({
			topic: 'rooms/9/messages',
			data: epoch,
			key,
			producer: { name: 'worker of a feed', epoch }
		});
		expect(await sendFeed(by(1, freshKey()), by(2), by(1), by(2))).toMatchObject({
			status: 409,
			error: { code: 'fenced', line: 3 },
			written: 2,
			next: 3
		});
		// It sends everything again: what is there by its key is not refused.
		expect(await sendFeed(by(1, `key ${count}`), by(1, freshKey()))).toMatchObject({
			error: { code: 'fenced', line: 2 },
			written: 1,
			duplicates: 1,
			next: 2
		});
		expect((await logged('rooms/9/messages')).map(({ data }) => data)).toEqual([1, 2]);
	});

	test('the older epoch of a producer is named', async () => {
		const by = (epoch: number) => ({ topic: 'd', data: 1, producer: { name: 'worker', epoch } });
		expect(await sendJson(by(2))).toMatchObject({ status: 200 });
		expect(await sendJson(by(1))).toMatchObject({ status: 409, error: { code: 'fenced' } });
		expect(await sendFeed({ topic: 'd', data: 2 }, by(1))).toMatchObject({
			status: 409,
			error: { code: 'fenced', line: 2 },
			written: 1
		});
	});
});

test('what is wrong with a single event is told without an index', async () => {
	expect((await sendJson({ topic: 'z', data: 1 })).error).toEqual({
		code: 'unknown_topic',
		message: expect.stringMatching(/^There is no topic "z"/)
	});
	expect((await send(['{ "topic": "d", "data": { "n": [1e999] } }'])).error).toEqual({
		code: 'invalid_data',
		message: expect.stringContaining('data.n[0] is Infinity')
	});
});

test('a body that is too large, not JSON, or of more than 1000 events is refused', async () => {
	expect(await send(['{'])).toMatchObject({ status: 400, error: { code: 'invalid_body' } });
	expect(await send([])).toMatchObject({ status: 400, error: { code: 'invalid_body' } });
	expect(await send([' '.repeat(600_000)])).toMatchObject({
		status: 413,
		error: { code: 'body_too_large', message: 'The body must be at most 524288 bytes.' }
	});
	const event = { topic: 'd', data: 1 };
	expect(await sendJson(Array.from({ length: 1001 }, () => event))).toMatchObject({
		status: 400,
		error: { code: 'too_many_events', message: expect.stringContaining('x-ndjson') }
	});
});

test('while too much waits, the answer is to come back, and what waits is written', async () => {
	const events = Array.from({ length: 1000 }, (_, data) => ({ topic: 'recent', data }));
	const waiting: ReturnType<typeof sendJson>[] = [];
	await withLogHeld(scene.sql, async () => {
		const refused = await until(async () => {
			const answer = sendJson(events);
			const soon = until(() => false, { timeoutMs: 50 }).catch(() => null);
			const first = await Promise.race([answer, soon]);
			if (first === null) waiting.push(answer);
			return first;
		});
		expect(refused).toMatchObject({
			status: 503,
			headers: { 'retry-after': '1' },
			error: { code: 'log_busy' }
		});
		expect(await sendFeed({ topic: 'recent', data: 'feed' })).toMatchObject({
			status: 503,
			headers: { 'retry-after': '1' },
			error: { code: 'log_busy' },
			written: 0,
			next: 1
		});
	});
	for (const answer of await Promise.all(waiting)) expect(answer.ids).toHaveLength(1000);
	const rows = await logged('recent');
	expect(rows).toHaveLength(1000 * waiting.length);
});
