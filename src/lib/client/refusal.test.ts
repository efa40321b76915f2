import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventSource } from 'eventsource';
import { StreamServer } from '../../../tests/client/stream-server.ts';
import { until } from '../../../tests/support/until.ts';
import { SSEClient, StreamRefused, type SSEClientOptions } from './index.ts';

interface Topics {
	chat: unknown;
}

let server: StreamServer;
let client: SSEClient<Topics>;

beforeEach(async () => {
	server = await StreamServer.start();
});
afterEach(async () => {
	client.close();
	await server.stop();
});

function connect(options: Partial<SSEClientOptions<Topics>> = {}): void {
	client = new SSEClient<Topics>(server.url, {
		topics: { chat: () => {} },
		eventSource: EventSource,
		fetch,
		reconnectWait: 20,
		...options
	});
}

const refuse = (status: number, code: string, message: string, headers = {}) => {
	server.status = status;
	server.refusal = { headers, body: { error: { code, message } } };
};

describe('a stream that is refused', () => {
	it('tells the reason, which an EventSource cannot read, and waits as long as the server asks', async () => {
		refuse(429, 'too_many_connections', 'At most 10 streams per user.', { 'retry-after': '5' });
		const begin = Date.now();
		connect();
		const refused = await until(() => client.error instanceof StreamRefused && client.error);
		expect(refused).toMatchObject({
			message: 'At most 10 streams per user.',
			code: 'too_many_connections',
			status: 429,
			retryAfter: 5000
		});
		expect(client.status).toBe('error');
		expect(client.retryAt).toBeGreaterThanOrEqual(begin + 5000);
		expect(server.served).toHaveLength(1);
		server.status = null;
		client.connect();
		await until(() => client.status === 'connected');
		expect(client.error).toBeNull();
		expect(client.retryAt).toBeNull();
	});

	it('for want of a sign-in is not tried again: the page is told, once', async () => {
		refuse(401, 'unauthorized', 'Sign in first.');
		const onSignedOut = vi.fn();
		connect({ onSignedOut });
		await until(() => onSignedOut.mock.calls.length > 0);
		expect(onSignedOut).toHaveBeenCalledExactlyOnceWith('Sign in first.');
		expect(client.status).toBe('error');
		expect(client.error?.message).toBe('Sign in first.');
		expect(client.retryAt).toBeNull();
		expect(server.served).toHaveLength(1);
	});

	it('is tried again at once when the server has changed its mind by the time it is asked', async () => {
		refuse(503, 'draining', 'Try again.', { 'retry-after': '60' });
		server.onAsked = () => (server.status = null);
		connect({ reconnectWait: 600_000 });
		await until(() => client.status === 'connected');
		expect(server.served).toHaveLength(2);
		expect(client.error).toBeNull();
	});

	it('by a proxy that says nothing we can read is told by its status', async () => {
		server.status = 502;
		server.refusal = { body: '<h1>Bad gateway</h1>' };
		connect({ reconnectWait: 600_000 });
		await until(() => client.error instanceof StreamRefused);
		expect(client.error).toMatchObject({ message: 'The server answered 502.', code: '' });
	});

	it('by something in between that answers in its place is waited for, not asked again and again', async () => {
		server.status = 200;
		server.refusal = { headers: { 'content-type': 'text/html' }, body: 'Welcome to our hotel' };
		connect({ reconnectWait: 600_000 });
		await until(() => client.condition === 'intercepted');
		expect(client.error).toMatchObject({ status: 200, code: 'no_stream' });
		expect(client.retryAt).not.toBeNull();
		expect(server.served).toHaveLength(1);
	});

	it('to an EventSource with headers of its own is not asked about without them', async () => {
		refuse(401, 'unauthorized', 'Sign in first.');
		server.onAsked = () => expect.unreachable('nobody may ask');
		const onSignedOut = vi.fn();
		connect({ fetch: undefined, onSignedOut });
		await server.request(3);
		expect(onSignedOut).not.toHaveBeenCalled();
		expect(client.error?.message).toContain('401');
	});

	it('leaves no question behind when the client closes', async () => {
		refuse(503, 'draining', 'Try again.');
		connect({ reconnectWait: 600_000 });
		await server.request(1);
		client.close();
		expect(client.status).toBe('idle');
		await until(() => server.served.every(({ closed }) => closed));
		expect(client.error).toBeNull();
	});
});

describe('a wait before the next attempt', () => {
	it('is told, so that a page can count it down', async () => {
		vi.spyOn(Math, 'random').mockReturnValue(0.5);
		connect({ reconnectWait: 8000 });
		await until(() => client.status === 'connected');
		expect(client.retryAt).toBeNull();
		const before = Date.now();
		(await server.request(1)).cut();
		await until(() => client.retryAt !== null);
		expect(client.status).toBe('connecting');
		expect(client.retryAt).toBeGreaterThanOrEqual(before + 4000);
		expect(client.retryAt).toBeLessThan(Date.now() + 4001);
		vi.restoreAllMocks();
	});

	it('starts small again after a server that sent all it owed, however short it lived', async () => {
		vi.spyOn(Math, 'random').mockReturnValue(0.999);
		server.status = 503;
		connect({ reconnectWait: 10 });
		await until(() => server.served.length >= 5);
		server.status = null;
		await until(() => client.status === 'connected');
		const served = server.served.at(-1)!;
		served.send('event: caught-up\ndata: {"topics":["chat"],"cursor":"5","log":"x"}\n\n');
		await until(() => client.lastEventID === '5');
		const before = Date.now();
		served.cut();
		await until(() => client.retryAt !== null || server.served.at(-1) !== served);
		expect((client.retryAt ?? before) - before).toBeLessThan(1000);
		vi.restoreAllMocks();
	});
});
