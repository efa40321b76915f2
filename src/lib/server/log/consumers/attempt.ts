import type { Topic } from '../../../protocol/index.ts';
import { mayPass } from '../../database/transient.ts';
import type { Transaction } from '../types.ts';
import { textOf } from './failures.ts';
import { Loan } from './loan.ts';
import { inSavepoint } from './savepoint.ts';
import type { ConsumerHandler, Event } from './types.ts';

/** A handler was not waited for any longer. Its transaction must not be committed: the handler may still write with it. */
export class GivenUp extends Error {
	constructor(
		readonly event: bigint,
		readonly because: 'late' | 'stop',
		message: string
	) {
		super(message);
	}
}

/** How long a handler is waited for. */
export interface Limits {
	timeoutMs: number;
	/** Aborts when the consumer must end now. */
	giveUp: AbortSignal;
}

/**
 * Runs the handler for one event, under a savepoint.
 *
 * @returns null: it is handled; else why it failed. What it has written is taken back then.
 * @throws {@link GivenUp}; or an error that is not the event's: the database is away or refuses for reasons of its own
 */
export async function attempt<K extends Topic, Tx extends Transaction>(
	tx: Tx,
	handler: ConsumerHandler<K, Tx>,
	event: Event,
	limits: Limits
): Promise<string | null> {
	let reached: 'savepoint' | 'handler' | 'end' = 'savepoint';
	let thrown: { error: unknown } | null = null;
	const failed = () => thrown;
	const loan = new Loan();
	try {
		await inSavepoint(tx, async (inner) => {
			reached = 'handler';
			try {
				// The handler's own type of event was checked by `consume`.
				await within(limits, event, async () => handler(event.given as never, loan.lend(inner)));
			} catch (error) {
				thrown = { error };
				throw error;
			} finally {
				loan.end();
			}
			reached = 'end';
		});
		return null;
	} catch (error) {
		if (reached === ('savepoint' as string) || isLostTransaction(error)) throw error;
		const own = failed();
		if (own?.error instanceof GivenUp) throw own.error;
		// The handler has swallowed the error of a statement, or has ended the savepoint.
		if (own === null) {
			if (mayPass(error)) throw error;
			return textOf(error);
		}
		if (isOfDatabase(own.error)) throw own.error;
		return textOf(own.error);
	}
}

/** @returns true when a client goes on with a transaction that is over: no statement of it counts */
export function isLostTransaction(error: unknown): boolean {
	const { code, cause } = (error ?? {}) as Record<'code' | 'cause', unknown>;
	if (code === undefined && cause !== undefined) return isLostTransaction(cause);
	return code === 'transaction_lost' || code === NO_TRANSACTION || code === NO_SAVEPOINT;
}

const NO_TRANSACTION = '25P01';
const NO_SAVEPOINT = '3B001';

/**
 * @returns true when Postgres says that the same statement may succeed later: a deadlock, a serialization failure, a disk
 *   that is full. Errors of the network may come from anywhere; if our own connection is lost, the next statement tells.
 */
function isOfDatabase(error: unknown): boolean {
	const { code, cause } = (error ?? {}) as Record<'code' | 'cause', unknown>;
	if (code === undefined && cause !== undefined) return isOfDatabase(cause);
	// A statement that was cancelled took too long: for an event, this may never pass.
	return typeof code === 'string' && /^\d\w{4}$/.test(code) && code !== '57014' && mayPass(error);
}

/** Waits for a handler, within its limits. */
function within(
	{ timeoutMs, giveUp }: Limits,
	{ id, topic }: Event,
	work: () => Promise<unknown>
): Promise<void> {
	return new Promise((resolve, reject) => {
		const stop = () => end(() => reject(new GivenUp(id, 'stop', 'The consumer was stopped.')));
		const late = () => {
			const message = `The handler has not ended within ${timeoutMs} ms (event ${id} of "${topic}").`;
			end(() => reject(new GivenUp(id, 'late', message)));
		};
		const timer = setTimeout(late, timeoutMs);
		const end = (settle: () => void) => {
			clearTimeout(timer);
			giveUp.removeEventListener('abort', stop);
			settle();
		};
		giveUp.addEventListener('abort', stop);
		if (giveUp.aborted) {
			stop();
			return;
		}
		work().then(
			() => end(resolve),
			(error: unknown) => end(() => reject(error instanceof Error ? error : new NotAnError(error)))
		);
	});
}

/** What a handler threw that is no Error. */
class NotAnError extends Error {
	constructor(thrown: unknown) {
		super(String(thrown));
		this.name = 'Thrown';
	}
}
