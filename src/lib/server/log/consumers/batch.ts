import { LoglineError } from '../../../protocol/index.ts';
import { arrayLiteral } from '../../database/array-literal.ts';
import { codeOf, isSessionLost } from '../../database/error-code.ts';
import { literal, lostTransaction, nameIn, runIn } from '../transaction.ts';
import type { Transaction } from '../types.ts';
import { attempt, isLostTransaction } from './attempt.ts';
import {
	noteFailure,
	noteSuccess,
	noteTrimmed,
	stillIn,
	type Claim,
	type Held
} from './failures.ts';
import { Loan } from './loan.ts';
import type { ConsumeOptions, EventHandler, Event, Seen } from './types.ts';

/** A batch ends when its handlers have taken this long together, so that others get their turn. Milliseconds. */
const BATCH_MS = 1000;

/** How long a transaction may take besides its handlers. Milliseconds. */
const SPARE_MS = 30_000;

const TRIMMED = 'It was trimmed before it could be handled.';

/** What a consumer does. */
export interface Job<Tx extends Transaction> {
	name: string;
	/** The log's schema. */
	schema: string;
	/** Stored names of its topics. */
	topics: readonly string[];
	handler: EventHandler<Tx>;
	options: Required<Omit<ConsumeOptions<Tx>, 'from' | 'onGap'>>;
	/** Aborts when a handler must not be waited for any longer. */
	giveUp: AbortSignal;
}

/** An event that is not tried, because it is known to fail. */
export interface KnownFailure {
	error: string;
	attempts: number;
}

/** What became of a batch that was committed. */
export interface BatchEnd {
	/** Id up to which the consumer has moved. */
	upto: bigint;
	/** Errors of the events that failed. */
	failed: { event: Event; error: string; forGood: boolean }[];
}

/**
 * Handles events and moves the positions behind them, in one transaction of the application.
 *
 * @param seen the rows of the consumer as they must still be
 * @param batch.upto the position after the last event
 * @param batch.begin called under the lock, before the first handler; returns how many of the events to take
 * @param batch.isEnough asked between two events: true ends the batch early
 * @returns null: another process is at work, and nothing was done
 */
export async function handleBatch<Tx extends Transaction>(
	job: Job<Tx>,
	seen: readonly Seen[],
	batch: {
		events: readonly Event[];
		upto: bigint;
		known: ReadonlyMap<bigint, KnownFailure>;
		begin: () => Promise<number>;
		isEnough: () => boolean;
	}
): Promise<BatchEnd | null> {
	let end: BatchEnd | null = null;
	await inTransactionOf(job, async (tx) => {
		end = null;
		const held = await hold(job, tx, seen);
		if (!held) return;
		const failed: BatchEnd['failed'] = [];
		const events = batch.events.slice(0, await batch.begin());
		let upto = events.length < batch.events.length ? events.at(-1)!.id : batch.upto;
		const began = performance.now();
		for (const [i, event] of events.entries()) {
			const known = batch.known.get(event.id);
			const limits = { ...job.options, giveUp: job.giveUp };
			const error = known?.error ?? (await attempt(tx, job.handler, event, limits));
			if (error !== null) {
				const failure = { error, attempts: known?.attempts ?? 1 };
				const forGood = await noteFailure(held, event, failure, job.options);
				if (forGood !== null) failed.push({ event, error, forGood });
			}
			const isEnough = batch.isEnough() || performance.now() - began > BATCH_MS;
			if (isEnough && i < events.length - 1) {
				upto = event.id;
				break;
			}
		}
		await move(held, job.topics, upto);
		end = { upto, failed };
	});
	return end;
}

/**
 * Tries a failed event again, in a transaction of its own.
 *
 * @param event null: it was trimmed
 * @returns null: another process is at work, or the failure is no longer there, and nothing was done; else the error, if it
 *   failed again
 */
export async function handleAgain<Tx extends Transaction>(
	job: Job<Tx>,
	claim: Claim,
	event: Event | null
): Promise<{ error: string | null; forGood: boolean } | null> {
	let end: { error: string | null; forGood: boolean } | null = null;
	await inTransactionOf(job, async (tx) => {
		end = null;
		const held = await hold(job, tx, null);
		if (!held) return;
		const { name, options, giveUp } = job;
		const mine = await runIn(
			tx,
			`SELECT 1 FROM ${nameIn(job.schema, 'consumer_failures')} WHERE name = ${literal(name)}
				AND event_id = ${claim.id} AND attempts = ${claim.attempts} FOR UPDATE SKIP LOCKED`
		);
		if (mine.length === 0) return;
		if (event === null) {
			await noteTrimmed(held, claim, TRIMMED);
			end = { error: TRIMMED, forGood: true };
			return;
		}
		const error =
			claim.attempts > options.attempts
				? `Its last attempt has not ended: the process has. ${claim.error}`
				: await attempt(tx, job.handler, event, { ...options, giveUp });
		if (error === null) {
			await noteSuccess(held, claim);
			end = { error, forGood: false };
			return;
		}
		const forGood = await noteFailure(held, claim, { error, attempts: claim.attempts }, options);
		end = forGood === null ? { error: null, forGood: false } : { error, forGood };
	});
	return end;
}

/** The transaction was refused at its commit, for what a handler has written. */
export class Refused extends Error {
	constructor(cause: unknown) {
		super('The transaction was refused at its commit', { cause });
	}
}

/** The option `transaction` did not wait for its work. That is no fault of an event, so no attempt counts. */
export class NotAwaited extends LoglineError {
	constructor(consumer: string) {
		super(
			'invalid_consumer',
			`The option \`transaction\` of the consumer "${consumer}" has resolved before its work had ended. It must return the promise of the client, and the client must wait for the work: (work) => db.transaction((tx) => work(tx)).`
		);
	}
}

/**
 * Runs work in the application's transaction, and makes sure that it ran to its end and that its error is not lost.
 *
 * @throws {@link Refused}, {@link NotAwaited}
 */
async function inTransactionOf<Tx extends Transaction>(
	{ name, options }: Job<Tx>,
	work: (tx: Tx) => Promise<void>
): Promise<void> {
	let failure: { error: unknown } | null = null;
	let isDone = false;
	let isLate = false;
	let loan = new Loan();
	const lent = async (tx: Tx) => {
		failure = null;
		isDone = false;
		try {
			if (isLate) throw lostTransaction();
			await work(tx);
			isDone = true;
		} catch (error) {
			failure = { error };
			throw error;
		}
	};
	const run = async () =>
		options.transaction((tx) => {
			loan.end();
			loan = new Loan();
			return loan.during(lent)(tx);
		});
	const done = run().finally(() => loan.end());
	try {
		await within(options.timeoutMs + SPARE_MS, done);
	} catch (error) {
		throw isDone && isAnswer(error) ? new Refused(error) : error;
	} finally {
		isLate = true;
	}
	const hidden = failure as { error: unknown } | null;
	// Work that has just been refused its statement failed because the transaction had resolved, and says so in other words.
	if (hidden && !isOver(hidden.error)) throw hidden.error;
	if (!isDone) throw new NotAwaited(name);
}

const isOver = (error: unknown) =>
	error instanceof LoglineError && error.code === 'transaction_over';

/** @returns true when Postgres has answered, and goes on with the session */
function isAnswer(error: unknown): boolean {
	const code = codeOf(error);
	return (
		code !== null && /^[0-9A-Z]{5}$/.test(code) && !isSessionLost(code) && !isLostTransaction(error)
	);
}

/** A client may forget a statement when its connection is lost. While it still has it, its locks keep others away. */
async function within(ms: number, done: Promise<unknown>): Promise<void> {
	let timer: NodeJS.Timeout | undefined;
	const late = new Promise<never>((_, reject) => {
		const message = `The transaction of a consumer has not ended within ${ms} ms.`;
		timer = setTimeout(() => reject(Object.assign(new Error(message), { code: 'ETIMEDOUT' })), ms);
	});
	try {
		await Promise.race([done, late]);
	} finally {
		clearTimeout(timer);
	}
}

/**
 * SQL: bounds what the transaction may do, since its rows keep all other processes away. A process that is frozen keeps it no
 * longer than a handler may take, and a statement does not either.
 */
function bounded(timeoutMs: number): string {
	const idle = Math.min(Math.ceil(timeoutMs + Math.min(timeoutMs, 10_000)), 2 ** 31 - 1);
	// Milliseconds; 0 is none. The application's own limit stays if it is shorter.
	const own = `extract(epoch FROM current_setting('statement_timeout')::interval) * 1000`;
	return `set_config('idle_in_transaction_session_timeout', '${idle}', true),
		set_config('statement_timeout', least(nullif((${own})::bigint, 0), ${idle})::text, true)`;
}

/**
 * Locks the rows of the consumer. This alone excludes other processes.
 *
 * @param seen how the rows must be; null: as they are
 * @returns null when another process is at work
 */
async function hold<Tx extends Transaction>(
	{ schema, name, topics, options: { timeoutMs } }: Job<Tx>,
	tx: Tx,
	seen: readonly Seen[] | null
): Promise<Held<Tx> | null> {
	const rows = (await runIn(
		tx,
		`SELECT topic, position::text AS position, pg_current_xact_id()::text AS xact, ${bounded(timeoutMs)}
		FROM ${nameIn(schema, 'consumers')}
		WHERE name = ${literal(name)} AND topic = ANY (${literal(arrayLiteral(topics))}::text[]) FOR UPDATE SKIP LOCKED`
	)) as { topic: string; position: string; xact: string }[];
	if (rows.length < topics.length) return null;
	const isAs = ({ topic, position }: Seen) =>
		rows.some((row) => row.topic === topic && row.position === position.toString());
	if (seen && !seen.every(isAs)) return null;
	return { tx, schema, name, xact: rows[0]!.xact };
}

/** Moves the positions of all topics. A transaction that is none any more moves nothing. */
async function move<Tx extends Transaction>(
	held: Held<Tx>,
	topics: readonly string[],
	upto: bigint
): Promise<void> {
	const moved = await runIn(
		held.tx,
		`UPDATE ${nameIn(held.schema, 'consumers')} SET position = greatest(position, ${upto}), moved_at = now()
		WHERE name = ${literal(held.name)} AND topic = ANY (${literal(arrayLiteral(topics))}::text[]) AND ${stillIn(held)}
		RETURNING 1`
	);
	if (moved.length < topics.length) throw lostTransaction();
}
