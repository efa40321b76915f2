import { EventSource } from 'eventsource';
import { flushSync } from 'svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { frame, keepAlive, StreamServer } from '../../../tests/client/stream-server.ts';
import { until } from '../../../tests/support/until.ts';
import { SSEClient, type SSEClientOptions } from './index.ts';

interface Topics {
	chat: { n: number };
	logs: { n: number };
	error: { n: number };
	open: { n: number };
}

let server: StreamServer;
const clients: SSEClient<Topics>[] = [];
/** `topic:id` in the order of the calls. */
let handled: string[];

const record = (_: unknown, event: { id: string; topic: string }) => {
	handled.push(`${event.topic}:${event.id}`);
};

function connect(options: Partial<SSEClientOptions<Topics>> = {}, url = server.url) {
	const client = new SSEClient<Topics>(url, {
		topics: { chat: record },
		eventSource: EventSource,
		reconnectWait: 20,
		...options
	});
	clients.push(client);
	return client;
}

const event = (id: number | string, topic = 'chat') => frame(id, topic, { n: 1 });
const caughtUp = (cursor: number, log = 'epoch-1') =>
	frame(cursor, 'caught-up', { topics: ['chat'], cursor: String(cursor), log });

beforeEach(async () => {
	handled = [];
	server = await StreamServer.start();
});
afterEach(async () => {
	for (const client of clients.splice(0)) client.close();
	await server.stop();
	vi.restoreAllMocks();
});

describe('connecting', () => {
	it('hands events to their handlers, with data, id and topic', async () => {
		const calls: unknown[] = [];
		const client = connect({ topics: { chat: (data, info) => calls.push([data, info]) } });
		expect(client.status).toBe('connecting');
		const first = await server.request(1);
		expect(first.topics).toEqual(['chat@0']);
		expect(first.cursor).toBeNull();
		first.send(event(7));
		await until(() => calls.length === 1);
		expect(calls).toEqual([[{ n: 1 }, { id: '7', topic: 'chat', params: [] }]]);
		expect(client.status).toBe('connected');
		expect(client.lastEventID).toBe('7');
		expect(client.topicCounters).toEqual({ chat: 1 });
	});

	it('waits to be asked when it shall not connect by itself', async () => {
		const client = connect({ autoConnect: false });
		expect(client.status).toBe('idle');
		client.connect();
		await until(() => client.status === 'connected');
		expect(server.served).toHaveLength(1);
	});

	it('stays idle where there is no EventSource, as on a server', () => {
		vi.stubGlobal('EventSource', undefined);
		const client = connect({ eventSource: undefined });
		expect(client.status).toBe('idle');
		expect(client.error).toBeNull();
		vi.unstubAllGlobals();
	});

	it('starts after what the page was rendered with', async () => {
		const client = connect({ lastEventID: '41' });
		expect(client.lastEventID).toBe('41');
		const first = await server.request(1);
		expect(first.cursor).toBe('41');
		first.send(event(40), event(41), event(42));
		await until(() => handled.length > 0);
		expect(handled).toEqual(['chat:42']);
	});

	it('has methods that work when taken off the object', async () => {
		const { connect: open, close, updateTopics } = connect({ autoConnect: false });
		open();
		await server.request(1);
		updateTopics({ addTopics: { logs: record } });
		expect((await server.request(2)).topics).toEqual(['chat@0', 'logs@1']);
		close();
		await until(() => server.served.every((served) => served.closed));
	});

	it('refuses a malformed cursor, client id or topic, and says what to do', () => {
		expect(() => connect({ lastEventID: 'abc' })).toThrow('lastEventID must be a decimal id');
		expect(() => connect({ clientID: 'a b' })).toThrow('clientID must be');
		expect(() => connect({ topics: { 'keep-alive': record } as never })).toThrow('reserved');
	});

	it('tells of an address it cannot read, and does not try it again', async () => {
		const client = connect({}, 'http://:::');
		expect(client.status).toBe('error');
		expect(client.error).toBeInstanceOf(Error);
	});

	it('names itself the same on every connection, and differently from every other client', async () => {
		connect();
		const first = await server.request(1);
		first.cut();
		const second = await server.request(2);
		connect();
		const other = await server.request(3);
		expect(first.query.get('client')).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
		expect(second.query.get('client')).toBe(first.query.get('client'));
		expect(other.query.get('client')).not.toBe(first.query.get('client'));
	});

	it("handles topics that are called like the EventSource's own events", async () => {
		const client = connect({ topics: { error: record, open: record } });
		const first = await server.request(1);
		first.send(event(1, 'error'), event(2, 'open'));
		await until(() => handled.length === 2);
		expect(handled).toEqual(['error:1', 'open:2']);
		expect(client.status).toBe('connected');
		expect(server.served).toHaveLength(1);
	});

	it('hands out every event of a stream without ids', async () => {
		connect();
		const first = await server.request(1);
		first.send(frame(null, 'chat', {}), frame(null, 'chat', {}));
		await until(() => handled.length === 2);
		expect(handled).toEqual(['chat:', 'chat:']);
	});
});

describe('reconnecting', () => {
	it('handles each event once when the server sends some again', async () => {
		connect();
		const first = await server.request(1);
		first.send(event(1), event(2));
		await until(() => handled.length === 2);
		first.cut();
		const second = await server.request(2);
		expect(second.cursor).toBe('2');
		second.send(event(1), event(2), event(3));
		await until(() => handled.includes('chat:3'));
		expect(handled).toEqual(['chat:1', 'chat:2', 'chat:3']);
	});

	it('keeps the cursor fresh by keep-alives, and reconnects twice without an event in between', async () => {
		const client = connect();
		const first = await server.request(1);
		first.send(event(1), keepAlive(900));
		await until(() => client.lastEventID === '900');
		first.end();
		const second = await server.request(2);
		expect(second.cursor).toBe('900');
		second.end();
		expect((await server.request(3)).cursor).toBe('900');
	});

	it('says which log its cursor belongs to, once it was told', async () => {
		const onCaughtUp = vi.fn();
		const client = connect({ onCaughtUp });
		const first = await server.request(1);
		expect(first.query.has('log')).toBe(false);
		first.send(caughtUp(50));
		await until(() => onCaughtUp.mock.calls.length === 1);
		expect(onCaughtUp).toHaveBeenCalledWith({ topics: ['chat'], cursor: '50', log: 'epoch-1' });
		expect(client.lastEventID).toBe('50');
		first.cut();
		const second = await server.request(2);
		expect(second.query.get('log')).toBe('epoch-1');
		expect(second.cursor).toBe('50');
	});

	it('comes back after an HTTP error, which EventSource gives up on', async () => {
		server.status = 503;
		const client = connect();
		await until(() => client.status === 'error');
		expect(client.error?.message).toContain('503');
		await server.request(3);
		server.status = null;
		await until(() => client.status === 'connected');
		expect(client.error).toBeNull();
	});

	it('shows a lost connection as connecting, not as an error', async () => {
		const client = connect({ reconnectWait: 60_000 });
		await until(() => client.status === 'connected');
		(await server.request(1)).cut();
		await until(() => client.status !== 'connected');
		expect(client.status).toBe('connecting');
		expect(client.error).toBeNull();
		// A user who does not want to wait presses "connect".
		client.connect();
		await until(() => client.status === 'connected');
	});

	it('waits longer with each failure', async () => {
		vi.spyOn(Math, 'random').mockReturnValue(0.5);
		const timer = vi.spyOn(globalThis, 'setTimeout');
		server.status = 502;
		connect({ reconnectWait: 16, keepAliveTimeout: 0 });
		await server.request(5);
		const waits = timer.mock.calls.map(([, wait]) => wait);
		expect(waits.filter((wait) => wait && [8, 16, 32, 64].includes(wait))).toEqual([8, 16, 32, 64]);
	});

	it('drops a connection that has fallen silent although it looks open', async () => {
		const client = connect({ keepAliveTimeout: 150 });
		const first = await server.request(1);
		first.send(event(1));
		const second = await server.request(2);
		await until(() => first.closed);
		expect(second.cursor).toBe('1');
		second.send(keepAlive(2));
		await until(() => client.lastEventID === '2');
	});

	it('drops an attempt that gets no answer', async () => {
		server.mute = true;
		const client = connect({ keepAliveTimeout: 150 });
		await server.request(1);
		server.mute = false;
		await until(() => client.status === 'connected');
	});

	it("reconnects at the server's maximum age without showing an error", async () => {
		const seen: string[] = [];
		const client = connect();
		const end = $effect.root(() => {
			$effect(() => {
				seen.push(client.status);
			});
		});
		const first = await server.request(1);
		await until(() => client.status === 'connected');
		flushSync();
		first.send(event(5), frame(null, 'timeout', { message: 'bye' }));
		first.end();
		const second = await server.request(2);
		expect(second.cursor).toBe('5');
		await until(() => client.status === 'connected');
		flushSync();
		end();
		expect(seen).not.toContain('error');
		expect(server.served).toHaveLength(2);
	});

	it('closes when the session ends, says so, and waits to be asked', async () => {
		const onSignedOut = vi.fn();
		const client = connect({ onSignedOut, reconnectWait: 1 });
		const first = await server.request(1);
		first.send(frame(null, 'signed-out', { reason: 'revoked' }));
		first.end();
		await until(() => onSignedOut.mock.calls.length === 1);
		expect(onSignedOut).toHaveBeenCalledWith('revoked');
		expect(client.status).toBe('error');
		expect(client.error?.message).toContain('revoked');
		await until(() => first.closed);
		expect(server.served).toHaveLength(1);
		client.connect();
		await until(() => client.status === 'connected');
		expect(client.error).toBeNull();
	});

	it('goes on where it was after close and connect', async () => {
		const client = connect();
		const first = await server.request(1);
		first.send(event(3));
		await until(() => handled.length === 1);
		client.close();
		expect(client.status).toBe('idle');
		await until(() => first.closed);
		client.connect();
		const second = await server.request(2);
		expect(second.cursor).toBe('3');
		expect(second.topics).toEqual(['chat@0:3']);
		expect(second.query.get('client')).toBe(first.query.get('client'));
	});
});
