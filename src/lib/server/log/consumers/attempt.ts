import { codeOf } from '../../database/error-code.ts';
import type { Transaction } from '../types.ts';
import { textOf } from './failures.ts';
import { Loan } from './loan.ts';
import { inSavepoint } from './savepoint.ts';
import type { EventHandler, Event } from './types.ts';

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
 * @throws {@link GivenUp}; or the error of the savepoint, if it could not be begun
 */
export async function attempt<Tx extends Transaction>(
	tx: Tx,
	handler: EventHandler<Tx>,
	event: Event,
	limits: Limits
): Promise<string | null> {
	let reached: 'savepoint' | 'handler' = 'savepoint';
	let thrown: { error: unknown } | null = null;
	const failed = () => thrown;
	const loan = new Loan();
	try {
		await inSavepoint(tx, async (inner) => {
			reached = 'handler';
			try {
				await within(limits, event, async () => handler(event, loan.lend(inner)));
			} catch (error) {
				thrown = { error };
				throw error;
			} finally {
				loan.end();
			}
		});
		return null;
	} catch (error) {
		if (reached === ('savepoint' as string)) throw error;
		const own = failed();
		if (own?.error instanceof GivenUp) throw own.error;
		// The code of an error does not say whether the handler's database or another service has failed. So it counts against
		// this event. If the transaction is lost, the failure cannot be noted in it either, and then nothing is counted.
		// When the savepoint fails and the handler has not, the handler has swallowed the error of a statement, or has ended
		// the savepoint itself. That is its failure, too.
		return textOf(own === null ? error : own.error);
	}
}

/** @returns true when a client goes on with a transaction that is over: no statement of it counts */
export const isLostTransaction = (error: unknown): boolean => LOST.test(codeOf(error) ?? '');

/** By its id, by its loan, or by Postgres: no transaction, no savepoint. */
const LOST = /^(transaction_lost|transaction_over|25P01|3B001)$/;

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
