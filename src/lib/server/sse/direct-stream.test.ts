import { expect, test, vi } from 'vitest';
import type { SSEBody } from './body.ts';
import { produceSSE } from './produce-sse.ts';

/** A response, and the connection that feeds it. */
async function open(): Promise<{ response: Response; connection: SSEBody }> {
	let connection: SSEBody | undefined;
	const response = produceSSE((_emit, own) => void (connection = own), { keepAliveMs: 0 });
	await vi.waitUntil(() => connection);
	return { response, connection: connection! };
}

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (result: { value?: Uint8Array }) => new TextDecoder().decode(result.value);

test('what is written is read in order, whether it was waited for or not', async () => {
	const { response, connection } = await open();
	const reader = response.body!.getReader();
	expect(text(await reader.read())).toBe('retry: 3000\n\n');
	const waiting = reader.read();
	connection.write(bytes('one'));
	connection.write(bytes('two'));
	expect(connection.backlog).toBe(3);
	expect(text(await waiting)).toBe('one');
	expect(text(await reader.read())).toBe('two');
	expect(connection.backlog).toBe(0);
	connection.write(bytes('last'));
	connection.end();
	expect(text(await reader.read())).toBe('last');
	expect((await reader.read()).done).toBe(true);
});

test('the end is told to whoever waits for more', async () => {
	const { response, connection } = await open();
	const reader = response.body!.getReader();
	await reader.read();
	const waiting = reader.read();
	connection.end();
	expect((await waiting).done).toBe(true);
	await reader.closed;
});

test('a reader that has enough ends the connection', async () => {
	const { response, connection } = await open();
	const reader = response.body!.getReader();
	const ended = vi.fn();
	connection.onEnd(ended);
	await reader.cancel();
	expect(connection.ended).toBe(true);
	expect(ended).toHaveBeenCalledOnce();
	expect((await reader.read()).done).toBe(true);
});

test('nobody else can read a body that is being read', async () => {
	const { response } = await open();
	response.body!.getReader();
	expect(response.body!.locked).toBe(true);
	expect(() => response.body!.getReader()).toThrow(TypeError);
});

test('it can be teed and piped as any other stream', async () => {
	const { response, connection } = await open();
	const [one, other] = response.body!.tee();
	const piped = other.pipeThrough(new TextDecoderStream());
	connection.write(bytes('shared'));
	connection.end();
	expect(await new Response(one).text()).toBe('retry: 3000\n\nshared');
	let all = '';
	for await (const part of piped) all += part;
	expect(all).toBe('retry: 3000\n\nshared');
});

test('a producer that throws ends the connection and is reported', async () => {
	const onError = vi.fn();
	const response = produceSSE(
		() => {
			throw new Error('no data');
		},
		{ onError }
	);
	expect(await response.text()).toBe('retry: 3000\n\n');
	expect(onError).toHaveBeenCalledOnce();
});

test('a client that does not read is ended before it costs too much, and the producer cleans up', async () => {
	const cleanup = vi.fn();
	let accepted = 0;
	produceSSE<{ line: string }>(
		(emit) => {
			while (emit({ event: 'line', data: 'x'.repeat(1000) })) accepted++;
			while (accepted < 1000 && !cleanup.mock.calls.length) {
				emit({ event: 'line', data: 'x'.repeat(1000) });
				accepted++;
			}
			return cleanup;
		},
		{ bufferBytes: 10_000 }
	);
	await vi.waitUntil(() => cleanup.mock.calls.length > 0);
	expect(cleanup).toHaveBeenCalledOnce();
});
