/** `GET /api/events` with `accept: application/json`: what is missed, page by page, for programs without a stream. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type GrantedScene, openGrantedScene, ROOM } from '../support/granted-scene.ts';
import { until } from '../support/until.ts';

interface Page {
	events: { id: string; topic: string; data: unknown }[];
	cursor: string;
	upToDate: boolean;
	gaps: { topic: string; after: string; oldest: string | null }[];
	denied: { topic: string; reason: string }[];
	log?: string;
	user?: string;
}

let scene: GrantedScene;
beforeEach(async () => {
	scene = await openGrantedScene();
});
afterEach(() => scene.close());

const JSON_TYPE = 'application/json';

const ask = (query: string, headers: Record<string, string> = {}) =>
	fetch(scene.server.stream(query), {
		headers: { cookie: scene.user.cookie, accept: JSON_TYPE, ...headers }
	});

const get = async (query: string): Promise<Page> => {
	const response = await ask(query);
	expect(response.status, await response.clone().text()).toBe(200);
	return (await response.json()) as Page;
};

const values = ({ events }: Page) => events.map(({ data }) => data);

test('a program that asks page by page gets every event once, in order, and knows when it has all', async () => {
	const all = Array.from({ length: 25 }, (_, i) => i);
	await scene.sql`insert into events (topic, data)
		select case when n % 2 = 0 then 'a' else 'b' end, to_jsonb(n) from generate_series(0, 24) n`;
	await scene.insert('c', 'not asked for');
	const seen: unknown[] = [];
	let cursor = '0';
	const told: boolean[] = [];
	do {
		const page = await get(`topics=a&topics=b&limit=10&lastEventID=${cursor}`);
		seen.push(...values(page));
		({ cursor } = page);
		told.push(page.upToDate);
	} while (!told.at(-1));
	expect(seen).toEqual(all);
	expect(told).toEqual([false, false, true]);
	expect(await get(`topics=a&topics=b&lastEventID=${cursor}`)).toMatchObject({
		events: [],
		upToDate: true,
		cursor: scene.server.app.health().head,
		gaps: [],
		user: scene.user.id
	});
});

test('a page is an event on each line, for programs that read line by line', async () => {
	await scene.insert('a', 'one', { two: 2 });
	const response = await ask('topics=a', { accept: 'application/x-ndjson' });
	expect(response.headers.get('content-type')).toBe('application/x-ndjson');
	const lines = (await response.text()).trimEnd().split('\n');
	expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
		{ topic: 'a', data: 'one' },
		{ topic: 'a', data: { two: 2 } },
		{ upToDate: true, gaps: [] }
	]);
});

describe('a program that waits', () => {
	test('gets an event as soon as it is there', async () => {
		const { cursor } = await get('topics=a');
		const waits = get(`topics=a&lastEventID=${cursor}&wait=20`);
		await until(() => scene.server.app.health().activeConnections === 1, { what: 'it waits' });
		const from = performance.now();
		await scene.insert('b', 'another topic');
		await scene.insert('a', 'now');
		expect(values(await waits)).toEqual(['now']);
		expect(performance.now() - from).toBeLessThan(5000);
	});

	test('is told when there was none, and that nothing has changed', async () => {
		await scene.insert('a', 'one');
		const first = await ask('topics=a');
		const { cursor } = (await first.json()) as Page;
		const empty = await ask(`topics=a&lastEventID=${cursor}&wait=0.2`);
		expect(empty.status).toBe(200);
		const etag = empty.headers.get('etag')!;
		await scene.insert('b', 'moves the head');
		const same = await ask(`topics=a&lastEventID=${cursor}`, { 'if-none-match': etag });
		expect(same.status).toBe(304);
		expect(same.headers.get('etag')).toBe(etag);
		await scene.insert('a', 'two');
		const other = await ask(`topics=a&lastEventID=${cursor}`, { 'if-none-match': etag });
		expect(values((await other.json()) as Page)).toEqual(['two']);
	});

	test('that goes away holds no place', async () => {
		const control = new AbortController();
		const waits = fetch(scene.server.stream('topics=a&wait=25'), {
			headers: { cookie: scene.user.cookie, accept: JSON_TYPE },
			signal: control.signal
		});
		await until(() => scene.server.app.health().activeConnections === 1, { what: 'it waits' });
		control.abort();
		await expect(waits).rejects.toThrow();
		await until(() => scene.server.app.health().activeConnections === 0, { what: 'it has gone' });
	});

	test('is answered when the session ends: 401', async () => {
		const waits = ask('topics=a&wait=25');
		await until(() => scene.server.app.health().activeConnections === 1, { what: 'it waits' });
		await scene.sql`delete from sessions`;
		expect((await waits).status).toBe(401);
	});
});

test('the history of a room that was joined comes whole in one page, and does not move the cursor back', async () => {
	for (let n = 1; n <= 5; n++) await scene.insert(ROOM(1), `old ${n}`);
	await scene.insert('a', 'one');
	const { cursor } = await get(`topics=a&topics=rooms/*/messages`);
	await scene.grant('rooms/1');
	await scene.insert(ROOM(1), 'new');
	await scene.insert('a', 'two');
	const page = await get(`topics=a&topics=rooms/*/messages&lastEventID=${cursor}&limit=2`);
	expect(values(page)).toEqual(['old 1', 'old 2', 'old 3', 'old 4', 'old 5', 'new', 'two']);
	expect(page.upToDate).toBe(true);
	const next = await get(`topics=a&topics=rooms/*/messages&lastEventID=${page.cursor}`);
	expect(next.events).toEqual([]);
	await scene.revoke('rooms/1');
	await scene.insert(ROOM(1), 'secret');
	expect(values(await get(`topics=a&topics=rooms/*/messages&lastEventID=${next.cursor}`))).toEqual(
		[]
	);
});

test('a page is no larger than memory allows, and a history that is larger is refused', async () => {
	const data = 'x'.repeat(200_000);
	await scene.sql`insert into events (topic, data) select ${ROOM(1)}, to_jsonb(${data}::text) from generate_series(1, 50)`;
	await scene.insert('a', 'one');
	const { cursor } = await get('topics=a&topics=rooms/*/messages');
	await scene.grant('rooms/1');
	const tooLarge = await ask(`topics=a&topics=rooms/*/messages&lastEventID=${cursor}`);
	expect(tooLarge.status).toBe(422);
	expect(await tooLarge.json()).toMatchObject({ error: { code: 'page_too_large' } });
	// A program that begins with the room has a cursor after each event.
	const first = await get('topics=rooms/*/messages&client=other');
	expect(first.upToDate).toBe(false);
	expect(first.events.length).toBeLessThan(10);
	expect(first.events.length).toBeGreaterThan(3);
});

test('a cursor of another log is told as a gap for each topic, with the whole history', async () => {
	await scene.insert('a', 1, 2, 3);
	const page = await get('topics=a&lastEventID=999999&limit=2');
	expect(page.gaps).toMatchObject([{ topic: 'a', after: '999999' }]);
	expect(values(page)).toEqual([1, 2]);
	expect(values(await get(`topics=a&lastEventID=${page.cursor}`))).toEqual([3]);
});

test.each([
	['topics=a&limit=0', 400, 'invalid_limit'],
	['topics=a&limit=1001', 400, 'invalid_limit'],
	['topics=a&wait=26', 400, 'invalid_wait'],
	['topics=a&wait=-1', 400, 'invalid_wait'],
	['topics=a&presence=rooms/1', 400, 'invalid_presence'],
	['topics=nobody', 400, 'invalid_topics'],
	['topics=staff', 403, 'forbidden_topic'],
	['', 400, 'invalid_topics'],
	['topics=a&lastEventID=x', 400, 'invalid_cursor']
])('%s is refused with %s %s', async (query, status, code) => {
	const response = await ask(query);
	expect(response.status).toBe(status);
	expect(await response.json()).toMatchObject({ error: { code } });
});

test('without a session: 401, and what is not asked for as JSON is a stream', async () => {
	expect((await ask('topics=a', { cookie: '' })).status).toBe(401);
	for (const accept of ['*/*', 'text/event-stream', 'text/event-stream, application/json']) {
		const control = new AbortController();
		const response = await fetch(scene.server.stream('topics=a'), {
			headers: { cookie: scene.user.cookie, accept },
			signal: control.signal
		});
		expect(response.headers.get('content-type')).toBe('text/event-stream');
		control.abort();
	}
});
