import { isID } from './control.ts';
import type { SSEClientOptions } from './options.ts';
import { randomID } from './random-id.ts';

/**
 * Returns what a client begins with: its position, the epoch of the log that it belongs to, and its own name.
 *
 * @throws Error when `lastEventID` or `clientID` is malformed
 */
export function beginningOf(
	options: Pick<SSEClientOptions<object>, 'lastEventID' | 'log' | 'start' | 'clientID'>
): { start: string | null; log: string | null; client: string } {
	const start = options.lastEventID ?? options.start?.cursor ?? null;
	if (start !== null && !isID(start)) {
		throw new Error(`lastEventID must be a decimal id such as "42", got "${String(start)}"`);
	}
	const client = options.clientID ?? randomID();
	if (!/^[A-Za-z0-9_-]{1,64}$/.test(client)) {
		throw new Error(`clientID must be 1 to 64 of A-Z a-z 0-9 _ -, got "${client}"`);
	}
	return { start, log: options.log ?? options.start?.log ?? null, client };
}
