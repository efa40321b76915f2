import { describe, expect, it, vi } from 'vitest';
import {
	driveEachTest,
	driven,
	handled,
	lose,
	record
} from '../../../tests/client/driven-client.ts';
import { DrivenEventSource } from '../../../tests/client/driven-event-source.ts';

interface Topics {
	chat: unknown;
	logs: unknown;
}

driveEachTest();
const connect = driven<Topics>({ chat: record });

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
