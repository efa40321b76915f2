import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { LogLine } from '$src/app/logger.ts';
import { showOwnLines } from './own-lines.server.ts';
import type { LogEntry } from './reducer.ts';
import { topics } from './topics.ts';

const info = (message: string): LogLine => ({ level: 'info', source: 'story', message });

let shown: LogEntry[];
let subscribed: boolean;
let append: (entries: LogEntry[]) => Promise<void>;
let say: (line: LogLine) => void;
let stop: () => Promise<void>;

beforeEach(() => {
	vi.useFakeTimers();
	shown = [];
	subscribed = true;
	append = async () => {};
	const listeners = new Set<(line: LogLine) => void>();
	say = (line) => listeners.forEach((listener) => listener(line));
	const app: Parameters<typeof showOwnLines>[0] = {
		logger: pino({ enabled: false }),
		onLogLine: (listener) => {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		logline: {
			isSubscribed: (topic) => topic === 'logs' && subscribed,
			onSubscribe: () => () => {},
			append: async (events) => {
				const entries = events.map(({ data }) => data as LogEntry);
				await append(entries);
				shown.push(...entries);
			}
		}
	};
	stop = showOwnLines(app);
});

afterEach(async () => {
	await stop();
	vi.useRealTimers();
});

const messages = () => shown.map(({ message }) => message);
const seconds = (n: number) => vi.advanceTimersByTimeAsync(n * 1000);

test('a line that the application logs is shown, as the topic declares it', async () => {
	say({ level: 'warn', source: 'relay', message: 'the outbox cannot be moved' });
	await seconds(1);
	expect(shown).toMatchObject([
		{ level: 'warn', source: 'relay', message: 'the outbox cannot be moved' }
	]);
	const { issues } = await topics.logs.schema['~standard'].validate(shown[0]);
	expect(issues).toBeUndefined();
});

test('at most five lines a second are shown, in order, however they come', async () => {
	for (let n = 0; n < 12; n++) say(info(String(n)));
	await seconds(1);
	expect(messages()).toEqual(['0', '1', '2', '3', '4']);
	for (let i = 0; i < 10; i++) {
		say(info(`later ${i}`));
		await seconds(0.1);
	}
	expect(shown).toHaveLength(10);
	await seconds(3);
	expect(shown).toHaveLength(22);
});

test('of a flood, fifty lines wait and the rest is dropped', async () => {
	for (let n = 0; n < 10_000; n++) say(info(String(n)));
	await seconds(60);
	expect(messages()).toEqual(Array.from({ length: 50 }, (_, n) => String(n)));
});

test('nothing is shown, or kept for later, while nobody watches', async () => {
	subscribed = false;
	say(info('unseen'));
	subscribed = true;
	say(info('seen'));
	await seconds(2);
	expect(messages()).toEqual(['seen']);
});

test('showing a line that makes the machinery log does not show that', async () => {
	append = async () => {
		say(info('caused at once'));
		await Promise.resolve();
		say(info('caused a little later'));
	};
	say(info('real'));
	await seconds(10);
	expect(messages()).toEqual(['real']);
	say(info('real again'));
	await seconds(10);
	expect(messages()).toEqual(['real', 'real again']);
});

test('debug lines, which speak of each event, are not shown', async () => {
	say({ level: 'debug', source: 'delivery', message: 'sent event 5' });
	await seconds(2);
	expect(shown).toEqual([]);
});

test('a failed append is not repeated, and later lines are shown', async () => {
	append = () => Promise.reject(new Error('away'));
	say(info('lost'));
	await seconds(2);
	append = async () => {};
	say(info('shown'));
	await seconds(5);
	expect(messages()).toEqual(['shown']);
});

test('after the end no line is listened to', async () => {
	await stop();
	say(info('too late'));
	await seconds(5);
	expect(shown).toEqual([]);
	expect(vi.getTimerCount()).toBe(0);
});
