import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DrivenEventSource } from '../../../tests/client/driven-event-source.ts';
import { SSEClient, type EventInfo, type SSEClientOptions } from './index.ts';

interface Topics {
	news: string;
	'rooms/[room]/typing': { on: boolean };
}

const TYPING = 'rooms/*/typing';
const HERE = 'rooms/42/typing';
const ann = { id: '1', name: 'Ann' };
const bob = { id: '2', name: 'Bob' };

let handled: unknown[];
let client: SSEClient<Topics>;

function connect(topics: SSEClientOptions<Topics>['topics']): void {
	client = new SSEClient<Topics>('/api/events', { topics, eventSource: DrivenEventSource });
	DrivenEventSource.last.open();
	DrivenEventSource.last.emit('caught-up', '7', {
		topics: [],
		cursor: '7',
		log: 'x',
		signals: Object.keys(topics).filter((name) => name !== 'news')
	});
	DrivenEventSource.last.emit('subscribed', '', { topic: HERE, pattern: TYPING });
}

/** What a signal looks like on the wire: without an id. */
const say = (from: typeof ann | null, data: unknown, rest = {}) =>
	DrivenEventSource.last.emit(HERE, '', { data, from, ttl: 1000, key: '', ...rest });

const typing = () => client.signals(HERE).map(({ from, data }) => `${from?.name} ${data.on}`);

beforeEach(() => {
	vi.useFakeTimers();
	vi.stubGlobal('reportError', vi.fn());
	DrivenEventSource.all = [];
	handled = [];
	const record = (data: unknown, { id, topic, params, from }: EventInfo) =>
		handled.push({ data, id, topic, params, from });
	connect({ news: record, [TYPING]: record });
});
afterEach(() => {
	client.close();
	vi.useRealTimers();
	vi.unstubAllGlobals();
});

describe('a signal', () => {
	it('is handled each time, with its sender, although its block has the id of an earlier event', () => {
		DrivenEventSource.last.emit('news', '8', '"hello"');
		say(ann, { on: true });
		say(ann, { on: true });
		say(null, { on: false });
		const info = { id: '', topic: HERE, params: ['42'] };
		expect(handled).toEqual([
			{ data: 'hello', id: '8', topic: 'news', params: [], from: undefined },
			{ data: { on: true }, ...info, from: ann },
			{ data: { on: true }, ...info, from: ann },
			{ data: { on: false }, ...info, from: null }
		]);
		expect(client.lastEventID).toBe('8');
		expect(client.topicCounters).toEqual({ news: 1, [HERE]: 3 });
	});

	it('ends by itself, and a newer one of the same sender and key takes its place', () => {
		say(ann, { on: true });
		vi.advanceTimersByTime(600);
		say(bob, { on: true });
		say(ann, { on: false });
		expect(typing()).toEqual(['Bob true', 'Ann false']);
		say(bob, { on: true }, { key: 'other', ttl: 5000 });
		vi.advanceTimersByTime(999);
		expect(typing()).toHaveLength(3);
		vi.advanceTimersByTime(1);
		expect(typing()).toEqual(['Bob true']);
		vi.advanceTimersByTime(5000);
		expect(typing()).toEqual([]);
		expect(vi.getTimerCount()).toBe(1); // the watchdog
	});

	it('ends with its topic, and with the client, which keeps no timer', () => {
		say(ann, { on: true });
		DrivenEventSource.last.emit('denied', '', { topic: HERE, reason: 'revoked' });
		expect(typing()).toEqual([]);
		DrivenEventSource.last.emit('subscribed', '', { topic: HERE, pattern: TYPING });
		say(ann, { on: true });
		client.close();
		expect(typing()).toEqual([]);
		expect(vi.getTimerCount()).toBe(0);
	});

	it('that is none is reported, and nothing else happens', () => {
		DrivenEventSource.last.emit(HERE, '', { on: true });
		expect(handled).toEqual([]);
		expect(reportError).toHaveBeenCalledTimes(1);
	});

	it('of many senders does not fill the memory', () => {
		for (let n = 0; n < 1500; n++) say({ id: String(n), name: `N${n}` }, { on: true });
		expect(typing()).toHaveLength(1000);
		expect(typing()[0]).toBe('N500 true');
	});
});
