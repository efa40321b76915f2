import { once } from 'node:events';
import { Agent, request, type ClientRequest, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { underWay, withLogHeld } from '../faults/held-log.ts';
import { startBuiltApp, type BuiltApp } from '../support/built-app.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { StreamClient } from '../support/stream-client.ts';
import { until } from '../support/until.ts';
import { signUp } from './account.ts';

const TOKEN = 'the token of this test';
const FEED = 'application/x-ndjson';

let database: TestDatabase;
let sql: Sql;
let app: BuiltApp;
beforeAll(async () => {
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 2, name: 'e2e test' });
	app = await startBuiltApp({ databaseUrl: database.url, env: { PUBLISH_TOKEN: TOKEN } });
});
afterAll(async () => {
	await app?.stop();
	await sql?.end();
	await database?.drop();
});

/** What a response says. */
interface Answer {
	status: number;
	ids?: string[];
	duplicates?: number;
	written?: number;
	next?: number;
	error?: { code: string; line?: number };
}

/** Begins a request, on a connection of its own unless the agent has one. */
function begin(type: string, options: { agent?: Agent; headers?: Record<string, string> } = {}) {
	const sent = request(`${app.url}/api/publish`, {
		method: 'POST',
		agent: options.agent ?? false,
		headers: { authorization: `Bearer ${TOKEN}`, 'content-type': type, ...options.headers }
	});
	const answered = read(sent);
	// A test that kills the server does not wait for its answer.
	answered.catch(() => undefined);
	return { sent, answered };
}

async function read(sent: ClientRequest): Promise<Answer> {
	const [response] = (await once(sent, 'response')) as [IncomingMessage];
	let text = '';
	for await (const chunk of response.setEncoding('utf8')) text += String(chunk);
	return { status: response.statusCode, ...(JSON.parse(text) as object) } as Answer;
}

function publish(body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
	const { sent, answered } = begin('application/json', { headers });
	sent.end(JSON.stringify(body));
	return answered;
}

/** Sends lines as fast as they are taken, and stops when an answer comes. */
async function feed(lines: Iterable<string>, agent?: Agent): Promise<Answer> {
	const { sent, answered } = begin(FEED, agent ? { agent } : {});
	for (const line of lines) {
		if (sent.write(line)) continue;
		const drained = once(sent, 'drain').then(() => null);
		// Never settled when the answer came first, and rejected when the connection breaks later.
		drained.catch(() => undefined);
		if (await Promise.race([drained, answered])) break;
	}
	sent.end();
	return answered;
}

const event = (message: string, more: object = {}) => ({
	topic: 'notifications',
	data: { id: message, type: 'info', message, timestamp: '2026-01-01T00:00:00Z' },
	...more
});
const line = (message: string, more?: object) => `${JSON.stringify(event(message, more))}\n`;

/** Messages that begin with a text, in the order of the log. */
async function logged(prefix: string): Promise<string[]> {
	const rows = await sql<{ message: string }[]>`
		select data->>'message' as message from events
		where topic = 'notifications' and starts_with(data->>'message', ${prefix}) order by id`;
	return rows.map(({ message }) => message);
}

test('what a program publishes reaches the pages that are open; what is for one user, nobody else', async () => {
	const [ada, bob] = await Promise.all(
		['ada', 'bob'].map(async (name) => {
			const cookie = await signUp(app, name);
			const client = new StreamClient(`${app.url}/api/events?topics=notifications`, { cookie });
			await client.caughtUp();
			return client;
		})
	);
	const seenBy = (client: StreamClient) =>
		client.data('notifications').map((data) => (data as { message: string }).message);
	await publish([event('live 1'), event('live 2', { username: 'ADA' })]);
	const { ids } = await publish(event('live 3'));
	const last = (client: StreamClient) => client.of('notifications').at(-1)?.id === ids![0];
	await until(() => last(ada!) && last(bob!), { what: 'both have the last event' });
	expect(seenBy(ada!)).toEqual(['live 1', 'live 2', 'live 3']);
	expect(seenBy(bob!)).toEqual(['live 1', 'live 3']);
	ada!.close();
	bob!.close();
});

test('only who has the token publishes, and no page of another site', async () => {
	expect(await publish(event('no'), { authorization: 'Bearer guess' })).toMatchObject({
		status: 401,
		error: { code: 'unauthorized' }
	});
	for (const [name, value] of [
		['origin', 'https://evil.example'],
		['sec-fetch-site', 'cross-site']
	] as const) {
		expect(await publish(event('no'), { [name]: value })).toMatchObject({
			status: 403,
			error: { code: 'foreign_origin' }
		});
	}
	expect(await publish(event('yes'), { origin: app.url })).toMatchObject({ status: 200 });
	expect(await logged('no')).toEqual([]);
});

test('twenty connections that publish with one key at the same moment write one event, and all learn its id', async () => {
	for (const key of ['race 1', 'race 2', 'race 3']) {
		const answers = await Promise.all(
			Array.from({ length: 20 }, (_, n) => publish(event(`${key} by ${n}`, { key })))
		);
		expect(new Set(answers.map(({ ids }) => ids?.join())).size).toBe(1);
		expect(answers.filter(({ duplicates }) => duplicates === 0)).toHaveLength(1);
		expect(await logged(key)).toHaveLength(1);
	}
});

test('a worker that was replaced writes nothing any more from the moment that its successor writes', async () => {
	const by = (epoch: number, message: string) =>
		publish(event(message, { producer: { name: 'worker', epoch } }));
	const acknowledged: string[] = [];
	const zombie = (async () => {
		for (let n = 0; ; n++) {
			const answer = await by(1, `worker old ${n}`);
			if (answer.status !== 200) return answer;
			acknowledged.push(`worker old ${n}`);
		}
	})();
	await until(() => acknowledged.length > 20, { what: 'the first one writes' });
	const fresh = Array.from({ length: 30 }, (_, n) => `worker new ${n}`);
	for (const message of fresh) expect(await by(2, message)).toMatchObject({ status: 200 });
	expect(await zombie).toMatchObject({ status: 409, error: { code: 'fenced' } });
	expect(await logged('worker')).toEqual([...acknowledged, ...fresh]);
});

test('a feed is taken no faster than the log can write it, however long it is, and is written whole', async () => {
	const text = 'x'.repeat(20_000);
	const count = 800;
	const { sent, answered } = begin(FEED);
	const lines = (async () => {
		for (let n = 0; n < count; n++) {
			if (!sent.write(line(`long ${n} ${text}`))) await once(sent, 'drain');
		}
		sent.end();
	})();
	/** Bytes that the system has taken from this process. */
	const gone = () => (sent.socket?.bytesWritten ?? 0) - (sent.socket?.writableLength ?? 0);
	await withLogHeld(sql, async () => {
		await underWay(sql, 'writer');
		let before = 0;
		let still = 0;
		await until(
			() => {
				still = gone() === before ? still + 1 : 0;
				before = gone();
				return still === 50;
			},
			{ what: 'the server takes no more' }
		);
		// The system's own buffers have a part of it. The whole feed has 16 MB.
		expect(gone()).toBeLessThan(8_000_000);
	});
	await lines;
	expect(await answered).toEqual({ status: 200, written: count, duplicates: 0 });
	expect((await logged('long')).map((message) => message.slice(5, -text.length - 1))).toEqual(
		Array.from({ length: count }, (_, n) => String(n))
	);
});

test('each line of a feed is published when it has come, not when the feed ends', async () => {
	const { sent, answered } = begin(FEED);
	for (const message of ['slow 1', 'slow 2', 'slow 3']) {
		sent.write(line(message));
		await until(async () => (await logged('slow')).at(-1) === message, { what: message });
	}
	sent.end();
	expect(await answered).toEqual({ status: 200, written: 3, duplicates: 0 });
});

test('a feed with keys that a crash of the server has cut is sent again, and each event is there once', async () => {
	const count = 3000;
	const lines = () =>
		(function* () {
			for (let n = 0; n < count; n++) yield line(`crash ${n}`, { key: `crash ${n}` });
		})();
	const cut = feed(lines()).catch((error: unknown) => (error as NodeJS.ErrnoException).code);
	await until(async () => (await logged('crash')).length > 500, { what: 'the feed has begun' });
	await app.kill9();
	expect(await cut).toMatch(/ECONNRESET|EPIPE/);
	// What the server had sent is still written, or not.
	const connected = () => sql`select from pg_stat_activity
		where datname = current_database() and application_name <> 'logline e2e test'`;
	await until(async () => (await connected()).length === 0, { what: 'its connections have ended' });
	const before = (await logged('crash')).length;
	expect(before).toBeLessThan(count);
	await app.restart();
	expect(await feed(lines())).toEqual({ status: 200, written: count, duplicates: before });
	expect(await logged('crash')).toEqual(Array.from({ length: count }, (_, n) => `crash ${n}`));
});

test('a feed ends at the first line that is refused: the answer names it, and the connection is good', async () => {
	const connection = new Agent({ keepAlive: true, maxSockets: 1 });
	function* lines() {
		yield line('refused 1');
		yield '\n';
		yield line('refused 2', { username: 'nobody' });
		for (let n = 3; n < 300; n++) yield line(`refused ${n} ${'x'.repeat(20_000)}`);
	}
	try {
		expect(await feed(lines(), connection)).toMatchObject({
			status: 400,
			error: { code: 'unknown_user', line: 3 },
			written: 1,
			duplicates: 0,
			next: 3
		});
		const [socket] = [connection.sockets, connection.freeSockets].flatMap(Object.values).flat();
		const again = begin('application/json', { agent: connection });
		again.sent.end(JSON.stringify(event('refused, then')));
		expect(await again.answered).toMatchObject({ status: 200 });
		expect(again.sent.socket).toBe(socket);
		expect(await logged('refused')).toEqual(['refused 1', 'refused, then']);
	} finally {
		connection.destroy();
	}
});

test('a program of this machine reads metrics, one behind a proxy needs the token', async () => {
	const metric = async (name: string, headers: Record<string, string> = {}) => {
		const response = await fetch(`${app.url}/api/metrics`, { headers });
		if (response.status !== 200) return response.status;
		expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
		const found = (await response.text()).split('\n').find((text) => text.startsWith(`${name} `));
		return Number(found?.slice(name.length));
	};
	const written = 'logline_published_events_total{outcome="written"}';
	const before = await metric(written);
	const key = 'metric';
	await publish([event('metric 1', { key }), event('metric 2', { key }), event('metric 3')]);
	expect(await metric(written)).toBe(before + 2);
	expect(await metric('logline_status{status="ok"}')).toBe(1);
	expect(await metric('logline_database_up')).toBe(1);
	expect(await metric('process_resident_memory_bytes')).toBeGreaterThan(1e6);
	const proxied = { 'x-forwarded-for': '203.0.113.7' };
	expect(await metric('logline_head', proxied)).toBe(401);
	const trusted = { ...proxied, authorization: `Bearer ${TOKEN}` };
	const [head] = await sql<{ id: string }[]>`select max(id)::text as id from events`;
	await until(async () => (await metric('logline_head', trusted)) === Number(head!.id), {
		what: 'the head is the newest event'
	});
});

test('of a feed whose sender dies, the line that may be cut is not written', async () => {
	const { sent } = begin(FEED);
	sent.write(line('died 1') + line('died 2').trimEnd());
	await until(async () => (await logged('died')).length === 1, {
		what: 'the server has read both'
	});
	sent.destroy();
	await publish(event('died, then'));
	expect(await logged('died')).toEqual(['died 1', 'died, then']);
});

test('a feed that is open when the server stops is told how far it came, and goes on elsewhere', async () => {
	const { sent, answered } = begin(FEED);
	sent.write(line('stop 1'));
	await until(async () => (await logged('stop')).length === 1, { what: 'the first line' });
	const stopped = app.terminate();
	await until(() => app.output().includes('draining'), { what: 'the server drains' });
	sent.end(line('stop 2'));
	expect(await answered).toMatchObject({
		status: 503,
		error: { code: 'draining' },
		written: 1,
		next: 2
	});
	expect((await stopped).code).toBe(0);
	await app.restart();
	expect(await feed([line('stop 2')])).toMatchObject({ status: 200 });
	expect(await logged('stop')).toEqual(['stop 1', 'stop 2']);
});
