import { CONTROL } from '../../protocol/index.ts';
import type { Connection, Stream } from './connection.ts';

/** Times in milliseconds. */
interface Times {
	keepAliveMs: number;
	/** A client that takes no bytes for this long is stalled. */
	stallMs: number;
}

/**
 * Does what is due for an open stream: its end at the maximum age, or a keep-alive.
 *
 * @returns `stalled`: its client takes no bytes, and must be disconnected
 */
export function attend(
	connection: Connection,
	{ subscriber, sink }: Stream,
	{ keepAliveMs, stallMs }: Times,
	now: number
): 'well' | 'stalled' {
	if (subscriber.state === 'ended') return 'well';
	if (sink.backlog > 0 && now - sink.progressAt > stallMs) return 'stalled';
	if (now >= connection.endsAt) {
		subscriber.finish(CONTROL.timeout, {
			message: 'The connection has reached its maximum age. Connect again.'
		});
	} else if (now >= connection.keepAliveAt) {
		connection.keepAliveAt = now + keepAliveMs;
		subscriber.keepAlive();
	}
	return 'well';
}
