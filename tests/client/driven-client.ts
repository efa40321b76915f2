/** Clients whose server is the test: what it sends on the newest connection, and what handlers got of it. */
import { afterEach, beforeEach, vi } from 'vitest';
import { SSEClient, type SSEClientOptions } from '../../src/lib/client/index.ts';
import { DrivenEventSource } from './driven-event-source.ts';

export const ROOMS = 'rooms/*/messages';
export const ROOM = 'rooms/42/messages';

/** What handlers got, in order. By {@link record}: `topic:id`. */
export const handled: string[] = [];
export const record = (_: unknown, { id, topic }: { id: string; topic: string }): void => {
	handled.push(`${topic}:${id}`);
};

/** Each test begins without connections. Time passes only when it says so. */
export function driveEachTest(): void {
	beforeEach(() => {
		vi.useFakeTimers();
		DrivenEventSource.all = [];
		handled.length = 0;
	});
	afterEach(() => {
		vi.useRealTimers();
		vi.restoreAllMocks();
	});
}

/** Connects a client of these topics. */
export const driven =
	<Topics extends object>(topics: SSEClientOptions<Topics>['topics']) =>
	(options: Partial<SSEClientOptions<Topics>> = {}): SSEClient<Topics> =>
		new SSEClient<Topics>('/api/events', { topics, eventSource: DrivenEventSource, ...options });

export const open = (): DrivenEventSource => DrivenEventSource.last.open();

/** Drops the newest connection and waits for the next one. */
export function lose(): DrivenEventSource {
	DrivenEventSource.last.fail();
	vi.advanceTimersByTime(30_000);
	return open();
}

/** A wildcard brings a topic. */
export const bring = (topic = ROOM, pattern = ROOMS): DrivenEventSource =>
	DrivenEventSource.last.emit('subscribed', '', { topic, pattern });

export const deny = (topic: string, reason: string): DrivenEventSource =>
	DrivenEventSource.last.emit('denied', '', { topic, reason });
