import { flushSync } from 'svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DrivenEventSource } from '../../../tests/client/driven-event-source.ts';
import { SSEClient, type SSEClientOptions } from './index.ts';

interface Topics {
	chat: unknown;
	logs: unknown;
}

function create(options: Partial<SSEClientOptions<Topics>> = {}) {
	return new SSEClient<Topics>('/api/events', {
		topics: { chat: () => {} },
		eventSource: DrivenEventSource,
		...options
	});
}

beforeEach(() => {
	vi.useFakeTimers();
	DrivenEventSource.all = [];
});
afterEach(() => {
	vi.useRealTimers();
	vi.unstubAllGlobals();
});

describe('in a component', () => {
	it('connects when it is mounted and closes with it', () => {
		let client: SSEClient<Topics> | undefined;
		const destroy = $effect.root(() => {
			client = create();
			expect(client.status).toBe('idle');
		});
		flushSync();
		expect(client?.status).toBe('connecting');
		DrivenEventSource.last.open();
		destroy();
		expect(client?.status).toBe('idle');
		expect(DrivenEventSource.last.readyState).toBe(2);
		expect(vi.getTimerCount()).toBe(0);
	});

	it('closes with it also when it was connected by hand', () => {
		const destroy = $effect.root(() => {
			create({ autoConnect: false }).connect();
		});
		flushSync();
		expect(DrivenEventSource.last.open().readyState).toBe(1);
		destroy();
		expect(DrivenEventSource.last.readyState).toBe(2);
	});

	it('shows status, last id and counters as they change', () => {
		const seen: unknown[] = [];
		const client = create();
		const stop = $effect.root(() => {
			$effect(() => {
				seen.push([client.status, client.lastEventID, client.topicCounters.chat]);
			});
		});
		flushSync();
		DrivenEventSource.last.open();
		flushSync();
		DrivenEventSource.last.emit('chat', 5, {});
		flushSync();
		DrivenEventSource.last.emit('keep-alive', 9, {});
		flushSync();
		expect(seen).toEqual([
			['connecting', null, undefined],
			['connected', null, undefined],
			['connected', '5', 1],
			['connected', '9', 1]
		]);
		stop();
		client.close();
	});

	it('counts each topic for itself', () => {
		let runs = 0;
		const client = create({ topics: { chat: () => {}, logs: () => {} } });
		DrivenEventSource.last.open().emit('chat', 1, {}).emit('logs', 2, {});
		const stop = $effect.root(() => {
			$effect(() => {
				void client.topicCounters.chat;
				runs += 1;
			});
		});
		flushSync();
		DrivenEventSource.last.emit('logs', 3, {});
		flushSync();
		expect(runs).toBe(1);
		DrivenEventSource.last.emit('chat', 4, {});
		flushSync();
		expect(runs).toBe(2);
		stop();
		client.close();
	});

	it('never runs an effect again that creates, connects or changes a client', () => {
		let runs = 0;
		const stop = $effect.root(() => {
			$effect(() => {
				runs += 1;
				const client = create({ autoConnect: false });
				client.connect();
				client.updateTopics({ addTopics: { logs: () => {} } });
				client.close();
				client.connect();
			});
		});
		flushSync();
		DrivenEventSource.last.open().emit('chat', 1, {}).emit('logs', 2, {}).fail();
		flushSync();
		vi.advanceTimersByTime(30_000);
		flushSync();
		expect(runs).toBe(1);
		stop();
	});
});

describe('an effect that changes topics', () => {
	it('does not come to depend on the events of the stream', () => {
		const client = create();
		let wanted = $state(false);
		let runs = 0;
		const stop = $effect.root(() => {
			$effect(() => {
				runs += 1;
				if (wanted) client.updateTopics({ addTopics: { logs: () => {} } });
				else client.updateTopics({ removeTopics: ['logs'] });
			});
		});
		flushSync();
		wanted = true;
		flushSync();
		DrivenEventSource.last.open().emit('chat', 1, {}).emit('logs', 2, {}).fail();
		flushSync();
		expect(runs).toBe(2);
		stop();
		client.close();
	});
});

describe('an effect that changes presence, or closes', () => {
	it('does not come to depend on who is present', () => {
		const client = create({ presence: ['rooms/1'] });
		let runs = 0;
		const stop = $effect.root(() => {
			$effect(() => {
				runs += 1;
				client.updatePresence({ scopes: ['rooms/1', 'rooms/2'] });
				return client.close;
			});
			$effect(() => {
				runs += 1;
				client.close();
				client.connect();
			});
		});
		flushSync();
		for (const scope of ['rooms/1', 'rooms/2']) {
			DrivenEventSource.last.open().emit('presence', '', { scope, users: [] });
			flushSync();
		}
		expect(runs).toBe(2);
		stop();
		client.close();
	});
});

describe('close', () => {
	it('leaves no timer, socket or wait behind, in whatever state', () => {
		const client = create();
		client.close();
		expect(vi.getTimerCount()).toBe(0);

		client.connect();
		DrivenEventSource.last.open();
		client.close();
		expect(vi.getTimerCount()).toBe(0);

		client.connect();
		DrivenEventSource.last.fail(2);
		expect(client.status).toBe('error');
		expect(vi.getTimerCount()).toBe(1);
		client.close();
		expect(client.status).toBe('idle');
		expect(client.error).toBeNull();
		expect(vi.getTimerCount()).toBe(0);
		expect(DrivenEventSource.all.every(({ readyState }) => readyState === 2)).toBe(true);
	});

	it('handles nothing that has arrived already', () => {
		const chat = vi.fn();
		const client = create({ topics: { chat } });
		DrivenEventSource.last.open();
		client.close();
		DrivenEventSource.last.emit('chat', 1, {});
		expect(chat).not.toHaveBeenCalled();
		expect(client.lastEventID).toBeNull();
	});
});

describe('when the browser comes back', () => {
	let page: EventTarget;
	let view: EventTarget & { visibilityState: string };

	beforeEach(() => {
		page = new EventTarget();
		view = Object.assign(new EventTarget(), { visibilityState: 'visible' });
		vi.stubGlobal('window', page);
		vi.stubGlobal('document', view);
	});

	it('reconnects at once when the network is back, and does not try while it is away', () => {
		const client = create({ reconnectWait: 1 });
		DrivenEventSource.last.open().fail();
		page.dispatchEvent(new Event('offline'));
		vi.advanceTimersByTime(29_000);
		expect(DrivenEventSource.all).toHaveLength(1);
		page.dispatchEvent(new Event('online'));
		expect(DrivenEventSource.all).toHaveLength(2);
		client.close();
	});

	it('does not trust a connection that the network was away from', () => {
		const client = create();
		const first = DrivenEventSource.last.open();
		page.dispatchEvent(new Event('offline'));
		page.dispatchEvent(new Event('online'));
		expect(first.readyState).toBe(2);
		expect(DrivenEventSource.all).toHaveLength(2);
		client.close();
	});

	it('reconnects at once when a tab with a dead connection is looked at, and only then', () => {
		const client = create();
		DrivenEventSource.last.open();
		view.dispatchEvent(new Event('visibilitychange'));
		expect(DrivenEventSource.all).toHaveLength(1);
		// The computer slept: no timer fired.
		vi.setSystemTime(Date.now() + 60_000);
		view.dispatchEvent(new Event('visibilitychange'));
		expect(DrivenEventSource.all).toHaveLength(2);
		client.close();
	});

	it('does not wait when a tab is looked at in the middle of a wait', () => {
		const client = create({ reconnectWait: 1_000_000 });
		DrivenEventSource.last.fail(2);
		view.visibilityState = 'hidden';
		view.dispatchEvent(new Event('visibilitychange'));
		expect(DrivenEventSource.all).toHaveLength(1);
		view.visibilityState = 'visible';
		view.dispatchEvent(new Event('visibilitychange'));
		expect(DrivenEventSource.all).toHaveLength(2);
		client.close();
	});

	it('reconnects when the page comes back out of the back/forward cache', () => {
		const client = create();
		DrivenEventSource.last.open();
		page.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: false }));
		expect(DrivenEventSource.all).toHaveLength(1);
		page.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }));
		expect(DrivenEventSource.all).toHaveLength(2);
		client.close();
	});

	it('listens to nothing after close or the end of the session', () => {
		const client = create();
		DrivenEventSource.last.open().emit('signed-out', '', { reason: 'revoked' });
		page.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }));
		page.dispatchEvent(new Event('online'));
		view.dispatchEvent(new Event('visibilitychange'));
		expect(DrivenEventSource.all).toHaveLength(1);
		expect(client.status).toBe('error');
		client.close();
		page.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }));
		expect(DrivenEventSource.all).toHaveLength(1);
	});
});

describe('reconnecting without a pause', () => {
	it('does not become a tight loop when the server ends every connection at once', () => {
		const client = create();
		for (let i = 0; i < 5; i++) {
			DrivenEventSource.last.open().emit('timeout', '', { message: 'too old' });
			expect(client.status).toBe('connecting');
			expect(DrivenEventSource.all).toHaveLength(i + 1);
			vi.advanceTimersByTime(30_000);
			expect(DrivenEventSource.all).toHaveLength(i + 2);
		}
		client.close();
	});

	it('does not start over with short waits while connections open but do not hold', () => {
		vi.spyOn(Math, 'random').mockReturnValue(0.999);
		const client = create({ reconnectWait: 1000 });
		for (const wait of [1000, 2000, 4000]) {
			DrivenEventSource.last.open().fail();
			const before = DrivenEventSource.all.length;
			vi.advanceTimersByTime(wait * 0.9);
			expect(DrivenEventSource.all).toHaveLength(before);
			vi.advanceTimersByTime(wait * 0.2);
			expect(DrivenEventSource.all).toHaveLength(before + 1);
		}
		DrivenEventSource.last.open();
		vi.advanceTimersByTime(6_000);
		DrivenEventSource.last.fail();
		vi.advanceTimersByTime(1_000);
		expect(DrivenEventSource.all).toHaveLength(5);
		client.close();
		vi.restoreAllMocks();
	});
});
