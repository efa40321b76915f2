import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DrivenEventSource } from '../../../tests/client/driven-event-source.ts';
import { SSEClient, type Ended, type SSEClientOptions } from './index.ts';

interface Topics {
	news: unknown;
	'rooms/[room]/messages': unknown;
}

const ROOMS = 'rooms/*/messages';
const ROOM = 'rooms/42/messages';

let lines: string[];
const record = (_: unknown, { id, topic }: { id: string; topic: string }) => {
	lines.push(`${topic}:${id}`);
};
const onEnded = ({ topic }: Ended) => {
	lines.push(`ended ${topic}`);
};

const connect = (options: Partial<SSEClientOptions<Topics>> = {}) =>
	new SSEClient<Topics>('/api/events', {
		topics: { news: record, [ROOMS]: record },
		onEnded,
		eventSource: DrivenEventSource,
		...options
	});
const open = () => DrivenEventSource.last.open();
const end = (topic: unknown) => DrivenEventSource.last.emit('ended', '', { topic });

/** Drops the newest connection and waits for the next one. */
function lose(): DrivenEventSource {
	DrivenEventSource.last.fail();
	vi.advanceTimersByTime(30_000);
	return open();
}

beforeEach(() => {
	vi.useFakeTimers();
	DrivenEventSource.all = [];
	lines = [];
});
afterEach(() => {
	vi.useRealTimers();
	vi.restoreAllMocks();
	vi.unstubAllGlobals();
});

describe('a topic that has ended', () => {
	it('is told once, after its last event, however often the server says it', () => {
		const client = connect();
		open();
		DrivenEventSource.last.emit('news', 3, {});
		end('news');
		expect(client.lastEventID).toBe('3');
		end('news');
		lose();
		end('news');
		DrivenEventSource.last.emit('subscribed', '', { topic: ROOM, pattern: ROOMS });
		DrivenEventSource.last.emit(ROOM, 5, {});
		end(ROOM);
		expect(lines).toEqual(['news:3', 'ended news', `${ROOM}:5`, `ended ${ROOM}`]);
		client.close();
	});

	it('stays in the set, and the others go on', () => {
		const client = connect();
		open();
		end('news');
		lose();
		expect(DrivenEventSource.last.topics).toEqual(['news@0', `${ROOMS}@0`]);
		client.close();
	});

	it('is not told when it was removed meanwhile, or when the server names none', () => {
		const reported = vi.fn();
		vi.stubGlobal('reportError', reported);
		const client = connect();
		open();
		client.updateTopics({ removeTopics: ['news'] });
		open();
		end('news');
		expect(reported).not.toHaveBeenCalled();
		end(7);
		expect(reported.mock.calls).toEqual([[new Error('The server sent a malformed "ended"')]]);
		expect(lines).toEqual([]);
		client.close();
	});
});
