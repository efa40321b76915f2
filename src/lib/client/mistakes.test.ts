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
