import { beforeEach, expect, it, vi } from 'vitest';
import { DrivenEventSource } from '../../../tests/client/driven-event-source.ts';
import { SSEClient } from './index.ts';

interface Topics {
	orders: { total: number };
	'rooms/[room]/messages': { text: string };
}

beforeEach(() => {
	DrivenEventSource.all = [];
});

it('a handler gets today’s shape of events that an earlier version stored', () => {
	const handled: unknown[] = [];
	const reported = vi.spyOn(console, 'error').mockImplementation(() => {});
	const client = new SSEClient<Topics>('/api/events', {
		topics: {
			orders: ({ total }) => handled.push(total),
			'rooms/*/messages': ({ text }) => handled.push(text)
		},
		upcast: {
			orders: (data) => {
				const { total, sum } = data as { total?: number; sum?: { euro: number } };
				return { total: total ?? sum!.euro };
			},
			'rooms/*/messages': (data) =>
				typeof data === 'string' ? { text: data } : (data as { text: string })
		},
		eventSource: DrivenEventSource
	});
	const source = DrivenEventSource.last.open();
	source.emit('orders', 1, { sum: { euro: 5 } });
	// One that cannot be turned counts as handled, like one whose handler throws.
	source.emit('orders', 2, {});
	source.emit('orders', 3, { total: 7 });
	source.emit('subscribed', '', { topic: 'rooms/1/messages', pattern: 'rooms/*/messages' });
	source.emit('rooms/1/messages', 4, '"old"').emit('rooms/1/messages', 5, { text: 'new' });
	client.close();
	reported.mockRestore();
	expect(handled).toEqual([5, 7, 'old', 'new']);
	expect(client.lastEventID).toBe('5');
});
