import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { flushSync } from 'svelte';
import { afterEach, expect, it } from 'vitest';
import { DrivenEventSource } from '../../../tests/client/driven-event-source.ts';
import { SSEClient } from '../client/index.ts';
import { Recorder } from './recorder.svelte.ts';

const open: SSEClient<{ logs: unknown }>[] = [];

afterEach(() => {
	for (const stream of open.splice(0)) stream.close();
});

function start(inspect: Recorder['record']) {
	DrivenEventSource.all = [];
	const stream = new SSEClient<{ logs: unknown }>('/api/events', {
		topics: { logs: () => {} },
		eventSource: DrivenEventSource,
		inspect
	});
	open.push(stream);
	return stream;
}

it('shows each event as it came, and which of them had been handled before', () => {
	const recorder = new Recorder();
	const stream = start(recorder.record);
	DrivenEventSource.last
		.open()
		.emit('logs', 7, { n: 7 })
		.emit('caught-up', '', {
			topics: ['logs'],
			cursor: '7',
			log: 'a'
		});
	DrivenEventSource.last.fail();
	stream.connect();
	DrivenEventSource.last.open().emit('logs', 7, { n: 7 }).emit('logs', 8, { n: 8 });
	expect(recorder.frames.map(({ name, id, kind }) => [name, id, kind])).toEqual([
		['logs', '8', 'handled'],
		['logs', '7', 'known'],
		['caught-up', '7', 'control'],
		['logs', '7', 'handled']
	]);
	expect(recorder.topics).toEqual([{ topic: 'logs', id: '8', handled: 2, known: 1 }]);
	expect(recorder.attempts).toBe(2);
});

it('shows when the connection was lost, and when it is tried again', () => {
	const recorder = new Recorder();
	const stream = start(recorder.record);
	DrivenEventSource.last.open().fail();
	expect(recorder.spans.map(({ state }) => state)).toEqual(['connecting', 'connected', 'waiting']);
	expect(recorder.retryAt).toBeGreaterThan(Date.now() - 1000);
	stream.close();
	expect(recorder.spans.at(-1)).toMatchObject({ state: 'idle', to: null });
	expect(recorder.retryAt).toBeNull();
});

it('shows what the server says to be gone', () => {
	const recorder = new Recorder();
	start(recorder.record);
	const gap = { topic: 'logs', after: '3', oldest: '9' };
	DrivenEventSource.last.open().emit('gap', '', gap);
	expect(recorder.gaps.map(({ text }) => JSON.parse(text) as unknown)).toEqual([gap]);
});

it('keeps a bounded number of events, and the cursor of each topic', () => {
	const recorder = new Recorder({ frames: 10 });
	start(recorder.record);
	DrivenEventSource.last.open();
	for (let id = 1; id <= 100; id++)
		DrivenEventSource.last.emit('logs', id, { x: 'x'.repeat(5000) });
	expect(recorder.frames.map(({ id }) => id)).toEqual(
		Array.from({ length: 10 }, (_, n) => String(100 - n))
	);
	expect(recorder.frames[0]!.text.length).toBeLessThanOrEqual(2000);
	expect(recorder.topics).toEqual([{ topic: 'logs', id: '100', handled: 100, known: 0 }]);
});

it('does not keep a large event in memory for the short text that it shows', () => {
	setFlagsFromString('--expose-gc');
	const collect = runInNewContext('gc') as () => void;
	const recorder = new Recorder();
	collect();
	const before = process.memoryUsage().heapUsed;
	for (let n = 1; n <= 30; n++) {
		const text = JSON.stringify(`${n},`.repeat(500_000));
		recorder.record({ type: 'frame', name: n % 2 ? 'logs' : 'gap', id: String(n), text });
	}
	collect();
	expect(recorder.frames).toHaveLength(30);
	expect(process.memoryUsage().heapUsed - before).toBeLessThan(10_000_000);
});

it('an effect that tells the client something is not run again by what is recorded', () => {
	const recorder = new Recorder();
	const stream = start(recorder.record);
	DrivenEventSource.last.open();
	let runs = 0;
	const stop = $effect.root(() => {
		$effect(() => {
			runs++;
			stream.updatePresence({ scopes: ['rooms/1'] });
			recorder.clear();
			return stream.close;
		});
	});
	flushSync();
	DrivenEventSource.last.open().emit('logs', 1, { n: 1 });
	flushSync();
	expect(runs).toBe(1);
	stop();
});

it('an effect that shows what is recorded is run again by each step', () => {
	const recorder = new Recorder();
	start(recorder.record);
	DrivenEventSource.last.open();
	const shown: number[] = [];
	const stop = $effect.root(() => {
		$effect(() => void shown.push(recorder.frames.length));
	});
	for (const id of [1, 2]) {
		flushSync();
		DrivenEventSource.last.emit('logs', id, {});
	}
	flushSync();
	recorder.clear();
	flushSync();
	expect(shown).toEqual([0, 1, 2, 0]);
	stop();
});

it('an inspector that throws disturbs nothing', () => {
	const seen: unknown[] = [];
	const reported: unknown[] = [];
	const report = globalThis.reportError;
	globalThis.reportError = (error: unknown) => void reported.push(error);
	try {
		DrivenEventSource.all = [];
		const stream = new SSEClient<{ logs: unknown }>('/api/events', {
			topics: { logs: (data) => seen.push(data) },
			eventSource: DrivenEventSource,
			inspect: () => {
				throw new Error('inspector');
			}
		});
		open.push(stream);
		DrivenEventSource.last.open().emit('logs', 1, { n: 1 });
		expect(seen).toEqual([{ n: 1 }]);
		expect(stream.status).toBe('connected');
		expect(reported.length).toBeGreaterThan(0);
	} finally {
		globalThis.reportError = report;
	}
});
