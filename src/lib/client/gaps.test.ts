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
