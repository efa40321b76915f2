import { describe, expect, it, vi } from 'vitest';
import { Subscriptions } from './subscriptions.ts';

const noop = () => {};

describe('the topics of a client', () => {
	it('counts how often a topic was added: not at all for the first ones', () => {
		const topics = new Subscriptions({ chat: noop });
		topics.update({ add: { logs: noop } });
		expect(topics.requested).toEqual(['chat@0', 'logs@1']);
		topics.update({ remove: ['chat', 'logs'] });
		topics.update({ add: ['logs', 'chat'] });
		expect(topics.requested).toEqual(['logs@2', 'chat@1']);
	});

	it('does not add a topic again that is listened to', () => {
		const topics = new Subscriptions({ chat: noop });
		expect(topics.update({ add: ['chat'] })).toBe(false);
		expect(topics.requested).toEqual(['chat@0']);
	});

	it('adds only what is new when a name and a whole map are given together', () => {
		const topics = new Subscriptions({ chat: noop, notifications: noop });
		const logs = vi.fn();
		const next = { chat: noop, notifications: noop, logs };
		expect(topics.update({ add: ['logs'], next })).toBe(true);
		expect(topics.requested).toEqual(['chat@0', 'notifications@0', 'logs@1']);
		topics.handle('logs', '1', {});
		expect(logs).toHaveBeenCalledTimes(1);
	});

	it('forgets what a whole map leaves out', () => {
		const topics = new Subscriptions({ chat: noop, logs: noop });
		expect(topics.update({ next: { logs: noop } })).toBe(true);
		expect(topics.names).toEqual(['logs']);
	});

	it('takes a new handler for a topic that stays, without asking the server', () => {
		const topics = new Subscriptions({ chat: noop });
		const other = vi.fn();
		expect(topics.update({ next: { chat: other } })).toBe(false);
		topics.handle('chat', '1', {});
		expect(other).toHaveBeenCalledTimes(1);
	});

	it('finds the handler of a topic that comes back by its name', () => {
		const chat = vi.fn();
		const topics = new Subscriptions({ chat });
		topics.update({ remove: ['chat'] });
		topics.handle('chat', '1', {});
		expect(chat).not.toHaveBeenCalled();
		topics.update({ add: ['chat'] });
		topics.handle('chat', '1', {});
		expect(chat).toHaveBeenCalledTimes(1);
	});

	it('subscribes anew to a topic that is removed and added in one change', () => {
		const topics = new Subscriptions({ chat: noop });
		topics.accept('chat', '5');
		expect(topics.update({ remove: ['chat'], add: ['chat'] })).toBe(true);
		expect(topics.requested).toEqual(['chat@1']);
		expect(topics.accept('chat', '5')).toBe(true);
	});

	it('accepts each id once, by value and not by text', () => {
		const topics = new Subscriptions({ chat: noop });
		expect(topics.accept('chat', '9')).toBe(true);
		expect(topics.accept('chat', '10')).toBe(true);
		expect(topics.accept('chat', '10')).toBe(false);
		expect(topics.accept('chat', '9')).toBe(false);
		expect(topics.accept('chat', '9223372036854775806')).toBe(true);
		expect(topics.accept('chat', '9223372036854775807')).toBe(true);
	});

	it('takes what the page was rendered with as handled, for the first topics only', () => {
		const topics = new Subscriptions({ chat: noop }, '40');
		topics.update({ add: ['logs'] });
		expect(topics.accept('chat', '40')).toBe(false);
		expect(topics.accept('chat', '41')).toBe(true);
		expect(topics.accept('logs', '1')).toBe(true);
	});

	it('accepts nothing for a topic that is not listened to', () => {
		const topics = new Subscriptions({ chat: noop });
		topics.update({ remove: ['chat'] });
		expect(topics.accept('chat', '1')).toBe(false);
	});

	it('leaves out a topic whose handler is undefined', () => {
		expect(new Subscriptions({ chat: noop, logs: undefined }).names).toEqual(['chat']);
	});

	it('works with names that objects have by nature', () => {
		const topics = new Subscriptions({ constructor: noop });
		expect(topics.requested).toEqual(['constructor@0']);
		expect(topics.has('toString')).toBe(false);
	});

	it.each([
		'keep-alive',
		'caught-up',
		'$subscribed',
		'a@1',
		'',
		'two words',
		'rooms/[room]/messages',
		'*/messages',
		'rooms/a*/messages'
	])('refuses "%s" and then changes nothing', (name) => {
		const topics = new Subscriptions({ chat: noop });
		expect(() => topics.update({ add: [name], remove: ['chat'] })).toThrow(`"${name}"`);
		expect(topics.requested).toEqual(['chat@0']);
		expect(() => new Subscriptions({ [name]: noop })).toThrow(`"${name}"`);
	});
});
