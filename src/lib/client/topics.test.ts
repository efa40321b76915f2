import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DrivenEventSource } from '../../../tests/client/driven-event-source.ts';
import { SSEClient, type SSEClientOptions } from './index.ts';

interface Topics {
	chat: unknown;
	logs: unknown;
}

let handled: string[];
const record = (_: unknown, event: { id: string; topic: string }) => {
	handled.push(`${event.topic}:${event.id}`);
};

function connect(options: Partial<SSEClientOptions<Topics>> = {}) {
	return new SSEClient<Topics>('/api/events', {
		topics: { chat: record },
		eventSource: DrivenEventSource,
		...options
	});
}

beforeEach(() => {
	vi.useFakeTimers();
	DrivenEventSource.all = [];
	handled = [];
});
afterEach(() => {
	vi.useRealTimers();
	vi.restoreAllMocks();
});

/** Drops the newest connection and waits for the next one. */
function lose(): DrivenEventSource {
	DrivenEventSource.last.fail();
	vi.advanceTimersByTime(30_000);
	return DrivenEventSource.last.open();
}

describe('changing topics', () => {
	it('goes over to a new connection at the cursor, and the old one has no more say', () => {
		const client = connect();
		const old = DrivenEventSource.last.open().emit('chat', 10, {});
		client.updateTopics({ addTopics: { logs: record } });
		const fresh = DrivenEventSource.last.open();
		expect(old.readyState).toBe(2);
		expect(fresh.topics).toEqual(['chat@0:10', 'logs@1']);
		expect(fresh.cursor).toBe('10');

		old.emit('chat', 11, {}).emit('keep-alive', 99, {}).emit('signed-out', '', {}).fail(2);
		expect(handled).toEqual(['chat:10']);
		expect(client.lastEventID).toBe('10');
		expect(client.status).toBe('connected');

		fresh.emit('chat', 11, {});
		expect(handled).toEqual(['chat:10', 'chat:11']);
		client.close();
	});

	it("keeps its cursor while a new topic's older history comes in", () => {
		const client = connect();
		DrivenEventSource.last.open().emit('chat', 100, {});
		client.updateTopics({ addTopics: { logs: record } });
		DrivenEventSource.last.open().emit('logs', 37, {}).emit('logs', 40, {});
		expect(handled).toEqual(['chat:100', 'logs:37', 'logs:40']);
		expect(client.lastEventID).toBe('100');
		// The connection breaks off: the topic replays from its start, and no event is handled twice.
		const next = lose();
		expect(next.cursor).toBe('100');
		expect(next.topics).toEqual(['chat@0:100', 'logs@1:40']);
		next.emit('logs', 37, {}).emit('logs', 40, {}).emit('logs', 60, {}).emit('chat', 101, {});
		expect(handled.slice(3)).toEqual(['logs:60', 'chat:101']);
		client.close();
	});

	it('replays a topic that was removed and comes back', () => {
		const client = connect({ topics: { chat: record, logs: record } });
		DrivenEventSource.last.open().emit('logs', 1, {}).emit('chat', 2, {});
		client.updateTopics({ removeTopics: ['logs'] });
		expect(DrivenEventSource.last.topics).toEqual(['chat@0:2']);
		DrivenEventSource.last.open().emit('logs', 3, {});
		expect(handled).toEqual(['logs:1', 'chat:2']);
		client.updateTopics({ addTopics: ['logs'] });
		expect(DrivenEventSource.last.topics).toEqual(['chat@0:2', 'logs@1']);
		DrivenEventSource.last.open().emit('logs', 1, {}).emit('logs', 3, {});
		expect(handled.slice(2)).toEqual(['logs:1', 'logs:3']);
		expect(client.topicCounters).toEqual({ chat: 1, logs: 3 });
		client.close();
	});

	it('leaves the connection alone when nothing is asked for that it has not', () => {
		const client = connect();
		DrivenEventSource.last.open();
		const other = vi.fn();
		client.updateTopics({ addTopics: ['chat'], nextTopics: { chat: other } });
		expect(DrivenEventSource.all).toHaveLength(1);
		DrivenEventSource.last.emit('chat', 1, {});
		expect(other).toHaveBeenCalledTimes(1);
		expect(handled).toEqual([]);
		client.close();
	});

	it('is idle without topics, and connects when it gets one', () => {
		const client = connect();
		const first = DrivenEventSource.last.open();
		client.updateTopics({ removeTopics: ['chat'] });
		expect(client.status).toBe('idle');
		expect(first.readyState).toBe(2);
		expect(DrivenEventSource.all).toHaveLength(1);
		client.updateTopics({ addTopics: ['chat'] });
		expect(client.status).toBe('connecting');
		expect(DrivenEventSource.last.topics).toEqual(['chat@1']);
		client.close();
	});

	it('remembers changes made while it is closed', () => {
		const client = connect({ autoConnect: false });
		client.updateTopics({ addTopics: { logs: record } });
		expect(DrivenEventSource.all).toHaveLength(0);
		client.connect();
		expect(DrivenEventSource.last.topics).toEqual(['chat@0', 'logs@1']);
		client.close();
	});

	it('may be asked to by a handler, in the middle of an event', () => {
		const client = connect({
			topics: {
				chat: (_, info) => {
					record(_, info);
					client.updateTopics({ addTopics: { logs: record } });
				}
			}
		});
		DrivenEventSource.last.open().emit('chat', 1, {}).emit('chat', 2, {});
		expect(DrivenEventSource.last.cursor).toBe('1');
		DrivenEventSource.last.open().emit('chat', 1, {}).emit('chat', 2, {});
		expect(handled).toEqual(['chat:1', 'chat:2']);
		client.close();
	});
});

describe('a gap', () => {
	it('in trimmed history is told, and what is left is handled on', () => {
		const onGap = vi.fn();
		const client = connect({ onGap, lastEventID: '10' });
		const gap = { topic: 'chat', after: '10', oldest: '50' };
		DrivenEventSource.last.open().emit('gap', '', gap).emit('chat', 50, {});
		expect(onGap).toHaveBeenCalledWith(gap);
		expect(handled).toEqual(['chat:50']);
		expect(client.lastEventID).toBe('50');
		client.close();
	});

	it('because the cursor was never issued lets the topic replay in full, and the cursor follows', () => {
		const onGap = vi.fn();
		const client = connect({ onGap });
		DrivenEventSource.last
			.open()
			.emit('chat', 900, {})
			.emit('caught-up', 900, {
				topics: ['chat'],
				cursor: '900',
				log: 'old'
			});
		const next = lose();
		expect(next.query.get('log')).toBe('old');
		next.emit('gap', 900, { topic: 'chat', after: '900', oldest: '1' });
		next.emit('chat', 1, {}).emit('chat', 2, {});
		expect(onGap).toHaveBeenCalledTimes(1);
		expect(handled).toEqual(['chat:900', 'chat:1', 'chat:2']);
		expect(client.lastEventID).toBe('2');
		// The connection breaks off before the new epoch is known: the request must not combine the old epoch with the new
		// cursor.
		const last = lose();
		expect(last.cursor).toBe('2');
		expect(last.query.has('log')).toBe(false);
		last.emit('chat', 2, {}).emit('chat', 3, {});
		expect(handled.slice(3)).toEqual(['chat:3']);
		client.close();
	});

	it('is told for every topic, even when the connection breaks off between two', () => {
		const onGap = vi.fn();
		const client = connect({ topics: { chat: record, logs: record }, lastEventID: '900', onGap });
		DrivenEventSource.last.open().emit('gap', '', { topic: 'chat', after: '900', oldest: '1' });
		const next = lose();
		expect(next.cursor).toBe('900');
		next
			.emit('gap', '', { topic: 'chat', after: '900', oldest: '1' })
			.emit('gap', '', { topic: 'logs', after: '900', oldest: '2' })
			.emit('chat', 1, {})
			.emit('logs', 2, {});
		expect(handled).toEqual(['chat:1', 'logs:2']);
		expect(client.lastEventID).toBe('2');
		client.close();
	});

	it('with nothing left at all does not hide what comes later', () => {
		const onGap = vi.fn();
		const client = connect({ onGap, lastEventID: '900' });
		DrivenEventSource.last
			.open()
			.emit('gap', '', { topic: 'chat', after: '900', oldest: null })
			.emit('chat', 5, {});
		expect(onGap).toHaveBeenCalledTimes(1);
		expect(handled).toEqual(['chat:5']);
		client.close();
	});

	it('because a failover lost the newest events is told, and what was written instead is handled, also after a break', () => {
		const onGap = vi.fn();
		const client = connect({ topics: { chat: record, logs: record }, onGap });
		const first = DrivenEventSource.last.open();
		first.emit('chat', 40, {}).emit('chat', 52, {});
		const next = lose();
		expect(next.cursor).toBe('52');
		const lost = { after: '40', oldest: '4', lost: '52' };
		next.emit('gap', '', { topic: 'chat', ...lost });
		// The connection breaks off before the gap of the second topic: the server must be able to send it again.
		const last = lose();
		expect(last.cursor).toBe('52');
		last
			.emit('gap', '', { topic: 'chat', ...lost })
			.emit('gap', '', { topic: 'logs', ...lost })
			.emit('logs', 1_000_041, {})
			.emit('chat', 1_000_042, {});
		expect(onGap).toHaveBeenCalledTimes(3);
		expect(onGap).toHaveBeenLastCalledWith({ topic: 'logs', ...lost });
		expect(handled).toEqual(['chat:40', 'chat:52', 'logs:1000041', 'chat:1000042']);
		expect(client.lastEventID).toBe('1000042');
		client.close();
	});

	it('because a failover lost the newest events puts the cursor back to what is left when nothing was written since', () => {
		const client = connect({ lastEventID: '52' });
		const next = DrivenEventSource.last.open();
		next.emit('gap', '', { topic: 'chat', after: '40', oldest: '4', lost: '52' });
		next.emit('caught-up', 40, { topics: ['chat'], cursor: '40', log: 'same' });
		expect(client.lastEventID).toBe('40');
		client.close();
	});

	it('before a new topic leaves the cursor of the others alone', () => {
		const client = connect({ lastEventID: '900' });
		client.updateTopics({ addTopics: { logs: record } });
		const next = DrivenEventSource.last.open();
		next.emit('gap', '', { topic: 'logs', after: '0', oldest: null });
		expect(client.lastEventID).toBe('900');
		next.emit('gap', '', { topic: 'logs', after: '0', oldest: '20' }).emit('logs', 20, {});
		expect(client.lastEventID).toBe('900');
		expect(handled).toEqual(['logs:20']);
		client.close();
	});
});

describe('what goes wrong in the application', () => {
	it('a handler that throws is reported, not called again, and stops nothing', () => {
		const report = vi.spyOn(console, 'error').mockImplementation(() => {});
		const calls: string[] = [];
		const client = connect({
			topics: {
				chat: (_, { id }) => {
					calls.push(id);
					if (id === '1') throw new Error('broken view');
				}
			}
		});
		DrivenEventSource.last.open().emit('chat', 1, {}).emit('chat', 2, {});
		lose().emit('chat', 1, {}).emit('chat', 2, {}).emit('chat', 3, {});
		expect(calls).toEqual(['1', '2', '3']);
		expect(report).toHaveBeenCalledTimes(1);
		expect(report.mock.calls[0]?.[0]).toMatchObject({ message: 'broken view' });
		expect(client.topicCounters.chat).toBe(3);
		client.close();
	});

	it('so are callbacks that throw', () => {
		const report = vi.spyOn(console, 'error').mockImplementation(() => {});
		const broken = () => {
			throw new Error('broken');
		};
		const client = connect({
			onGap: broken,
			onCaughtUp: broken,
			onDenied: broken,
			onSignedOut: broken
		});
		DrivenEventSource.last
			.open()
			.emit('gap', '', { topic: 'chat', after: '0', oldest: '3' })
			.emit('caught-up', 3, { topics: ['chat'], cursor: '3', log: 'a' })
			.emit('chat', 4, {})
			.emit('denied', '', { topic: 'chat', reason: 'unknown' })
			.emit('signed-out', '', { reason: 'expired' });
		expect(report).toHaveBeenCalledTimes(4);
		expect(handled).toEqual(['chat:4']);
		expect(client.error?.message).toContain('expired');
	});

	it('data that is not JSON, or not what a control event holds, is reported and skipped', () => {
		const report = vi.spyOn(console, 'error').mockImplementation(() => {});
		const client = connect();
		DrivenEventSource.last
			.open()
			.emit('chat', 1, '{broken')
			.emit('gap', '', { topic: 'chat' })
			.emit('caught-up', '', null)
			.emit('chat', 2, {});
		expect(report).toHaveBeenCalledTimes(3);
		expect(String(report.mock.calls[0]?.[0])).toContain('event 1 of "chat"');
		expect(handled).toEqual(['chat:2']);
		expect(client.status).toBe('connected');
		client.close();
	});

	it('says in the console what happens, when asked to', () => {
		const debug = vi.spyOn(console, 'debug').mockImplementation(() => {});
		connect().close();
		expect(debug).not.toHaveBeenCalled();
		const client = connect({ debug: true });
		DrivenEventSource.last.open().emit('chat', 1, {});
		const lines = debug.mock.calls.map(([text]) => String(text));
		expect(lines.every((line) => line.startsWith('[SSE] '))).toBe(true);
		expect(lines).toContain('[SSE] event on topic "chat"');
		client.close();
	});
});
