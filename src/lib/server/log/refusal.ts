import { LoglineError } from '../../protocol/index.ts';
import { codedError } from '../database/error-code.ts';
import type { AcceptedEvent } from './accept.ts';

/** The log has refused an event for what has become of its topic or its producer. */
export interface Refusal {
	/** `topic_ended` or `fenced`, with the driver's error as its cause. */
	readonly error: LoglineError;
	/** The producer that is fenced; null: a topic has ended. */
	readonly producer: string | null;
	/** @returns true when it can be this event that was refused: `findRefused` says whether it is */
	concerns: (event: AcceptedEvent) => boolean;
}

/** What drivers tell of an error of Postgres: postgres.js and pg name the constraint differently, drizzle wraps both. */
interface PostgresError {
	code?: unknown;
	constraint_name?: unknown;
	constraint?: unknown;
	detail?: unknown;
}

/**
 * Reads a refusal out of an error of a driver. Both are final: a topic stays ended, and an epoch does not come back.
 *
 * @returns null for every other error
 * @see migrations/log/0013_ended_and_fenced.sql, `logline_refuse_ended` and `logline_refuse_epoch`
 */
export function refusalOf(error: unknown): Refusal | null {
	const cause: PostgresError = codedError(error);
	const { code, constraint_name, constraint = constraint_name, detail } = cause;
	if (code !== '23514' || typeof constraint !== 'string' || typeof detail !== 'string') return null;
	if (/^(events|outbox)_ended_check$/.test(constraint)) {
		const text = `The topic "${detail}" has ended and takes no more events. Nothing was written.`;
		const refused = new LoglineError('topic_ended', text, 409);
		return {
			error: Object.assign(refused, { cause }),
			producer: null,
			concerns: ({ topic }) => topic === detail
		};
	}
	if (/^(events|outbox)_fenced_check$/.test(constraint)) {
		const text = `Producer "${detail}" writes in a newer epoch: another writer has taken over. Nothing was written. Stop.`;
		const refused = new LoglineError('fenced', text, 409);
		return {
			error: Object.assign(refused, { cause }),
			producer: detail,
			concerns: ({ producer }) => producer?.name === detail
		};
	}
	return null;
}
