import { runIn } from '../transaction.ts';
import type { Transaction } from '../types.ts';

type Scope = (work: (inner: Transaction) => Promise<void>) => Promise<unknown>;

/**
 * Runs work under a savepoint of the application's client. Drizzle and postgres.js have a way of their own, which must be used:
 * they roll the whole transaction back when a statement has failed outside of it. All of them fail outside a transaction.
 *
 * @throws what the work throws, after a rollback to the savepoint; else an error of the client
 */
export async function inSavepoint<Tx extends Transaction>(
	tx: Tx,
	work: (inner: Tx) => Promise<void>
): Promise<void> {
	const scoped = tx as { transaction?: Scope; savepoint?: Scope };
	const own = work as (inner: Transaction) => Promise<void>;
	// Called as methods: so the loan of the transaction sees what is asked for.
	if ('execute' in tx && scoped.transaction) await scoped.transaction(own);
	else if (scoped.savepoint) await scoped.savepoint(own);
	else {
		await runIn(tx, 'SAVEPOINT logline_event');
		try {
			await work(tx);
			await runIn(tx, 'RELEASE SAVEPOINT logline_event');
		} catch (error) {
			await runIn(tx, 'ROLLBACK TO SAVEPOINT logline_event');
			await runIn(tx, 'RELEASE SAVEPOINT logline_event');
			throw error;
		}
	}
}
