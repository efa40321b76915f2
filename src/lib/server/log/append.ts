import type { Logger } from '../work/logger.ts';
import { randomUUID } from 'node:crypto';
import { LoglineError } from '../../protocol/index.ts';
import type { SoleConnection } from '../database/sole-connection.ts';
import { codeOf } from '../database/error-code.ts';
import { isOutcomeUnknown, mayPass } from '../database/transient.ts';
import { Trouble } from '../work/trouble.ts';
import type { AcceptedEvent } from './accept.ts';
import { AppendQueue, type Entry } from './append-queue.ts';
import { appendStatement } from './append-statement.ts';
import { refusalOf } from './refusal.ts';
import { findRefused } from './refused-event.ts';
import type { Appended } from './types.ts';

/** Limits of the writer. */
export interface WriterOptions {
	/** Maximum rows in one statement. A larger append is sent alone. */
	maxRows?: number;
	/** Maximum characters of payload in one statement. A larger append is sent alone. */
	maxLength?: number;
	/**
	 * Maximum rows that may wait. Beyond it, `append` refuses with `log_busy`: callers that wait without limit would be a
	 * queue, too.
	 */
	maxQueuedRows?: number;
	/** Maximum characters of payload that may wait. */
	maxQueuedLength?: number;
	/** Longest time for one append, including the wait in the queue. Milliseconds. */
	timeoutMs?: number;
	/** Logs when the log cannot be written, and when it can be written again. */
	logger?: Pick<Logger, 'warn' | 'info'>;
}

/** After this time without an append, `probe` checks that the log can be written. Milliseconds. */
const PROBE_AFTER_MS = 30_000;

const QUIET = { warn: () => {}, info: () => {} };

/** SQLSTATE of what Postgres or somebody's trigger does not accept as data. Every other error meets all appends. */
const DATA_FAULT = /^(22|23|P0)/;

/** Maximum events of one append. */
const MAX_EVENTS = 1000;

/**
 * The batching writer: one statement at a time inserts everything that waits. When idle, an append takes one commit. When
 * busy, the next batch fills while the current one commits.
 *
 * When the answer to a batch is lost, the batch is sent again with the same key until its outcome is known. It is never
 * split. So no caller gets a wrong result, and no event is written twice.
 */
export class Writer {
	readonly #connection: SoleConnection;
	readonly #options: Required<Omit<WriterOptions, 'logger'>>;
	readonly #trouble: Trouble;
	#wroteAt = performance.now();
	readonly #queue = new AppendQueue();
	/** The batch that was sent and has no outcome yet. */
	#underWay: readonly Entry[] = [];
	/** Rejects the callers whose deadline has passed. */
	#timer: NodeJS.Timeout | undefined;
	#failures = 0;
	#lastError: unknown = new Error('Postgres has not answered yet');
	#running: Promise<void> | null = null;
	#closed = false;

	/** @param connection used only by the writer, which also closes it */
	constructor(connection: SoleConnection, options: WriterOptions = {}) {
		this.#connection = connection;
		this.#trouble = new Trouble(options.logger ?? QUIET, {
			lasts: 'the log cannot be written; trying again',
			over: 'the log is written again'
		});
		this.#options = {
			// Larger statements were not faster, and would leave no work to prepare while Postgres writes.
			maxRows: 512,
			maxLength: 1_048_576,
			maxQueuedRows: 20_000,
			maxQueuedLength: 67_108_864,
			timeoutMs: 15_000,
			...options
		};
	}

	/** True when the last attempt could not write to the log. A row that is refused for its content does not count. */
	get failing(): boolean {
		return this.#trouble.lasts;
	}

	/**
	 * Checks that the log can be written, if no append has done so for a while or the last attempt failed. It takes the
	 * log's lock and writes a row that is soon deleted.
	 */
	async probe(): Promise<void> {
		if (this.#running || this.#closed) return;
		if (!this.failing && performance.now() - this.#wroteAt < PROBE_AFTER_MS) return;
		try {
			await this.#connection.query('SELECT logline_probe()', []);
			this.#wrote();
		} catch (error) {
			if (!this.#closed) this.#trouble.met(error);
		}
	}

	#wrote(): void {
		this.#wroteAt = performance.now();
		this.#trouble.over();
	}

	/** Rows that wait to be written. */
	get queued(): number {
		return this.#queue.rows;
	}

	/**
	 * Appends events, all or none. Resolves in the order of the events when they are committed.
	 *
	 * @throws LoglineError, at the latest after `timeoutMs`. `append_timeout` (503): the answer of Postgres was lost or has
	 *   not come, so the events may or may not be written; try again with a key. In all other cases nothing was written:
	 *   `log_unavailable` (503) when the log could not be written in time, `log_busy` (503) when too much waits already,
	 *   `closed` (503) after `close`, `too_many_events` (400), `topic_ended` (409), `fenced` (409).
	 */
	append(events: AcceptedEvent[]): Promise<Appended[]> {
		if (events.length === 0) return Promise.resolve([]);
		if (this.#closed) return Promise.reject(closedError());
		if (events.length > MAX_EVENTS) {
			return Promise.reject(
				new LoglineError('too_many_events', `At most ${MAX_EVENTS} events at once.`)
			);
		}
		return new Promise((resolve, reject) => {
			let length = 0;
			for (const event of events) length += event.data.length;
			const deadline = performance.now() + this.#options.timeoutMs;
			const entry: Entry = { events, length, deadline, alone: false, resolve, reject };
			const { maxQueuedRows, maxQueuedLength } = this.#options;
			if (this.#queue.isFull(entry, { rows: maxQueuedRows, length: maxQueuedLength })) {
				// Callers may wait, but only within this limit.
				reject(
					new LoglineError('log_busy', 'The log cannot keep up. Try again in a second.', 503, 1)
				);
				return;
			}
			this.#queue.push(entry);
			this.#setTimer();
			this.#running ??= this.#run();
		});
	}

	/** Writes what is queued (within the deadlines), refuses new appends, and closes the connection. */
	async close(): Promise<void> {
		this.#closed = true;
		await this.#running;
		await this.#connection.end();
	}

	async #run(): Promise<void> {
		let tell: (() => void) | undefined;
		const most = { rows: this.#options.maxRows, length: this.#options.maxLength };
		while (this.#queue.first) {
			// Send the next batch before resolving the callers of the last one: Postgres works while they create new events.
			const written = this.#write(this.#queue.take(most));
			tell?.();
			tell = await written;
		}
		tell?.();
		clearTimeout(this.#timer);
		this.#timer = undefined;
		// Must be in the same tick as the check of the queue. A later append then starts a new run.
		this.#running = null;
	}

	/** Never rejects. Resolves with a function that settles the callers which are not settled yet. */
	async #write(batch: Entry[]): Promise<() => void> {
		const key = randomUUID();
		this.#underWay = batch;
		let unknown = false;
		for (let attempt = 0; ; attempt++) {
			try {
				const answers = await this.#send(key, batch);
				this.#underWay = [];
				this.#failures = 0;
				this.#wrote();
				return () => {
					let from = 0;
					for (const entry of batch) {
						entry.resolve(answers.slice(from, from + entry.events.length));
						from += entry.events.length;
					}
				};
			} catch (error) {
				const passes = mayPass(error);
				if (passes) this.#trouble.met(error);
				this.#lastError = error;
				unknown ||= isOutcomeUnknown(error);
				if (!unknown) {
					this.#underWay = [];
					return this.#notWritten(batch, error, passes);
				}
				// An earlier attempt may have written the batch, or may still write it. So the batch and its key must not
				// change.
				if (!passes || batch.every((entry) => entry.deadline <= performance.now())) {
					this.#underWay = [];
					return () => {
						for (const entry of batch) entry.reject(timeoutError(error));
					};
				}
				await pause(attempt);
			}
		}
	}

	/** Entries that are known not to be written return to the head of the queue. Their deadlines do not change. */
	async #notWritten(batch: Entry[], error: unknown, passes: boolean): Promise<() => void> {
		if (!passes) {
			const refusal = refusalOf(error);
			if (batch.length === 1) {
				const [entry] = batch as [Entry];
				if (!refusal && !DATA_FAULT.test(codeOf(error) ?? '')) this.#trouble.met(error);
				if (refusal) {
					// It is final, whether the log still answers or not.
					refusal.error.index = await findRefused(this.#connection, refusal, entry.events).catch(
						(error: unknown) => (this.#trouble.met(error), undefined)
					);
				}
				const reason = refusal?.error ?? error;
				return () => entry.reject(reason instanceof Error ? reason : new Error(String(reason)));
			}
			// When the log says what it refuses, the other callers stay together.
			const suspects = batch.filter(({ events }) => events.some((one) => refusal?.concerns(one)));
			for (const entry of suspects.length > 0 ? suspects : batch) entry.alone = true;
		}
		this.#queue.unshift(batch);
		this.#expire();
		if (passes) await pause(this.#failures++);
		return () => {};
	}

	#expire(): void {
		const now = performance.now();
		for (const entry of this.#underWay) {
			if (entry.deadline > now) continue;
			this.#trouble.met(this.#lastError);
			entry.reject(timeoutError(this.#lastError));
		}
		for (const entry of this.#queue.expired(now)) entry.reject(unavailableError(this.#lastError));
		this.#setTimer();
	}

	/** Set for the oldest entry only: all entries have the same timeout, so the others expire later. */
	#setTimer(): void {
		if (this.#timer !== undefined) return;
		const now = performance.now();
		const next = this.#underWay.find((entry) => entry.deadline > now) ?? this.#queue.first;
		if (!next) return;
		this.#timer = setTimeout(
			() => {
				this.#timer = undefined;
				this.#expire();
			},
			Math.max(1, next.deadline - now)
		);
	}

	async #send(key: string, batch: Entry[]): Promise<Appended[]> {
		const events = batch.length === 1 ? batch[0]!.events : batch.flatMap((entry) => entry.events);
		const [row] = await this.#connection.query<{ ids: string; appended: string }>(
			...appendStatement(key, events)
		);
		const ids = row!.ids.slice(1, -1).split(',');
		const appended = row!.appended.slice(1, -1).split(',');
		return ids.map((id, i) => ({ id, duplicate: appended[i] !== 't' }));
	}
}

/** Waits between two attempts, longer each time, at most 500 ms. */
const pause = (attempt: number) =>
	new Promise<void>((wake) => setTimeout(wake, Math.min(500, 20 * 2 ** Math.min(attempt, 5))));

const closedError = () => new LoglineError('closed', 'The server is shutting down.', 503, 1);

const timeoutError = (cause: unknown) =>
	Object.assign(
		new LoglineError(
			'append_timeout',
			'The log could not be reached in time. The event may or may not have been written: append it again with a key.',
			503,
			5
		),
		{ cause }
	);

const unavailableError = (cause: unknown) =>
	Object.assign(
		new LoglineError(
			'log_unavailable',
			'The log could not be written in time. Nothing was written: append it again later.',
			503,
			5
		),
		{ cause }
	);
