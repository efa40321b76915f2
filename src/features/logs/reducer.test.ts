import { render } from 'svelte/server';
import { expect, test } from 'vitest';
import { oddPayloads } from '../../../tests/support/odd-payloads.ts';
import LogsPanel from './logs-panel.svelte';
import {
	initialLogs,
	MAX_LOGS,
	reduceLogs,
	type LogEntry,
	type LogEntryEvent,
	type LogsState
} from './reducer.ts';
import { SAMPLES } from './samples.ts';
import { sampleLogEntry } from './start.server.ts';
import { topics } from './topics.ts';

const entry = (n: number): LogEntry => ({
	id: String(n),
	level: 'info',
	source: 'test',
	message: `number ${n}`,
	timestamp: new Date(n * 1000).toISOString()
});
const history = Array.from({ length: MAX_LOGS + 30 }, (_, n) => ({
	id: String(n),
	topic: 'logs' as const,
	data: entry(n)
}));

const reduce = (state: LogsState, event: LogEntryEvent) => reduceLogs(state, event, MAX_LOGS);

test('the newest of the log lines comes first, and the oldest leave', () => {
	const state = history.reduce(reduce, initialLogs);
	expect(state.map(({ id }) => Number(id))).toEqual(
		Array.from({ length: 200 }, (_, i) => history.length - 1 - i)
	);
});

test('log lines begun on the server and continued in the browser are the same, wherever they are split', () => {
	const whole = history.reduce(reduce, initialLogs);
	for (let k = 0; k <= history.length; k++) {
		const rendered = history.slice(0, k).reduce(reduce, initialLogs);
		expect(history.slice(k).reduce(reduce, rendered)).toEqual(whole);
	}
});

test('a state that was handed out never changes', () => {
	const state = Object.freeze(history.slice(0, 3).reduce(reduce, initialLogs));
	const before = [...state];
	expect(reduce(state, { id: '9', topic: 'logs', data: entry(9) })).not.toBe(state);
	expect(state).toEqual(before);
	expect(initialLogs).toEqual([]);
});

test('every sample is a payload that the topic accepts, and no two are the same', async () => {
	expect(SAMPLES.length).toBeGreaterThanOrEqual(20);
	const payloads = SAMPLES.map((_, slot) => sampleLogEntry(slot));
	for (const payload of payloads) {
		const result = await topics.logs.schema['~standard'].validate(payload);
		expect(result).toMatchObject({ value: payload });
	}
	expect(new Set(payloads.map(({ message }) => message)).size).toBe(SAMPLES.length);
	expect(new Set(payloads.map(({ id }) => id)).size).toBe(SAMPLES.length);
});

const OLDER = { more: false, loading: false, full: false, problem: null, atNewest: true };

test.each(oddPayloads(entry(1)))(
	'an odd row breaks no page, and what is drawn is text: %s',
	(_, data) => {
		const odd = { id: '900', topic: 'logs', data } as LogEntryEvent;
		const logs = [history[0]!, odd, history[1]!].reduce(reduce, initialLogs);
		for (const value of logs.flatMap((line) => Object.values(line)))
			expect(value).toBeTypeOf('string');
		const props = { logs, older: { ...OLDER, load: async () => {}, retry: async () => {} } };
		const more = { seenFrom: -1, marked: new Set(), active: true, trimmed: false };
		const { body } = render(LogsPanel, { props: { ...props, ...more, ontoggle: () => {} } });
		expect(body).toContain('number 0');
		expect(body).toContain('number 1');
		expect(body).not.toMatch(/native code|undefined|\[object/);
	}
);
