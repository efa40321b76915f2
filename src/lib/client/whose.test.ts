import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { DrivenEventSource } from '../../../tests/client/driven-event-source.ts';
import { SSEClient } from './index.ts';

beforeEach(() => {
	vi.useFakeTimers();
	DrivenEventSource.all = [];
});
afterEach(() => vi.useRealTimers());

const create = (userID?: string) =>
	new SSEClient<{ chat: unknown }>('/api/events', {
		topics: { chat: () => {} },
		eventSource: DrivenEventSource,
		userID
	});
const user = () => DrivenEventSource.last.query.get('user');
const caughtUp = { topics: ['chat'], cursor: '1', log: 'a-log' };

it('a client that has learned whose events it gets says so whenever it comes back', async () => {
	const client = create();
	expect(user()).toBe(null);
	DrivenEventSource.last
		.open()
		.emit('caught-up', 1, { ...caughtUp, user: '7' })
		.fail();
	await vi.runOnlyPendingTimersAsync();
	expect(DrivenEventSource.all).toHaveLength(2);
	expect(user()).toBe('7');
	client.close();
});

it('a page that was rendered for a user says so from the start, and to a server that does not tell', async () => {
	const client = create('7');
	expect(user()).toBe('7');
	DrivenEventSource.last.open().emit('caught-up', 1, caughtUp).fail();
	await vi.runOnlyPendingTimersAsync();
	expect(user()).toBe('7');
	client.close();
});
