import { randomUUID } from 'node:crypto';
import { LoglineError } from '$lib/protocol';
import type { SoleConnection } from '../database/sole-connection.ts';
import { isTransient } from '../database/transient.ts';
import type { AcceptedEvent } from './accept.ts';
import { arrayLiteral } from './array-literal.ts';
import type { Appended } from './types.ts';

/** Bounds of the writer. */
export interface WriterOptions {
	/** Rows in one statement, at most (a larger append goes alone). */
	maxRows?: number;
	/** Characters of payload in one statement, at most (a single larger event goes alone). */
	maxLength?: number;
	/** Rows that may wait; beyond it `append` refuses (`log_busy`): callers that wait without bound would be a queue, too. */
	maxQueuedRows?: number;
	/** Characters of payload that may wait. */
	maxQueuedLength?: number;
	/** How long an append may take, waiting included, in milliseconds. */
	timeoutMs?: number;
}

/** Events of one append, at most. */
const MAX_EVENTS = 1000;

interface Entry {
	events: AcceptedEvent[];
	length: number;
	deadline: number;
	resolve(appended: Appended[]): void;
	reject(error: Error): void;
}

/**
 * The batching writer: one statement at a time inserts all that is waiting. When idle an append costs one commit; when
 * busy, the next batch fills while one commits.
 *
 * A batch whose answer was lost is sent again under the same key until its outcome is known, so nobody is told something
 * false and nothing is written twice.
 */
export class Writer {
	readonly #connection: SoleConnection;
	readonly #options: Required<WriterOptions>;
	readonly #queue: Entry[] = [];
	#queuedRows = 0;
	#queuedLength = 0;
	#running: Promise<void> | null = null;
	#closed = false;

	/** @param connection for the writer alone; the writer closes it. */
	constructor(connection: SoleConnection, options: WriterOptions = {}) {
		this.#connection = connection;
		this.#options = {
			// More to a statement is no faster, and leaves nothing to make while Postgres writes.
			maxRows: 512,
			maxLength: 1_048_576,
			maxQueuedRows: 20_000,
			maxQueuedLength: 67_108_864,
			timeoutMs: 15_000,
			...options
		};
	}

	/** Rows that wait to be written. */
	get queued(): number {
		return this.#queuedRows;
	}

	/**
	 * Appends events, all or none of them, and resolves in their order once they are committed.
	 *
	 * @throws LoglineError `append_timeout` (503) when the log could not be reached in time: the events may or may not be
	 *   there, so try again with a key. `log_busy` (503) when too much waits already, `closed` (503) after `close`,
	 *   `too_many_events` (400): none of them has written anything.
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
			const deadline = Date.now() + this.#options.timeoutMs;
			const full =
				this.#queuedRows + events.length > this.#options.maxQueuedRows ||
				this.#queuedLength + length > this.#options.maxQueuedLength;
			// Whatever comes to an empty queue is taken, however large.
			if (full && this.#queue.length > 0) {
				// The callers are the ones who wait, but not without bound: past it the honest answer is "busy".
				reject(
					new LoglineError('log_busy', 'The log cannot keep up. Try again in a second.', 503, 1)
				);
				return;
			}
			this.#queue.push({ events, length, deadline, resolve, reject });
			this.#queuedRows += events.length;
			this.#queuedLength += length;
			this.#running ??= this.#run();
		});
	}

	/** Writes what is queued (within the entries' deadlines), refuses what comes after, and closes the connection. */
	async close(): Promise<void> {
		this.#closed = true;
		await this.#running;
		await this.#connection.end();
	}

	async #run(): Promise<void> {
		let tell: (() => void) | undefined;
		do {
			// The next batch leaves before the callers of the last one are told: Postgres works while they make new events.
			const written = this.#write(this.#take());
			tell?.();
			tell = await written;
		} while (this.#queue.length > 0);
		tell();
		// Same tick as the look at the queue: an append that comes later starts a new run.
		this.#running = null;
	}

	#take(): Entry[] {
		const { maxRows, maxLength } = this.#options;
		let count = 0;
		let rows = 0;
		let length = 0;
		for (const entry of this.#queue) {
			if (count > 0 && (rows + entry.events.length > maxRows || length + entry.length > maxLength))
				break;
			count++;
			rows += entry.events.length;
			length += entry.length;
		}
		this.#queuedRows -= rows;
		this.#queuedLength -= length;
		return this.#queue.splice(0, count);
	}

	/** Resolves, whatever comes of it, with how to tell the callers that have not been told yet. */
	async #write(batch: Entry[]): Promise<() => void> {
		const key = randomUUID();
		const deadline = Math.max(...batch.map((entry) => entry.deadline));
		for (let attempt = 0; ; attempt++) {
			try {
				const answers = await this.#send(key, batch);
				return () => {
					let from = 0;
					for (const entry of batch) {
						entry.resolve(answers.slice(from, from + entry.events.length));
						from += entry.events.length;
					}
				};
			} catch (error) {
				if (isTransient(error)) {
					if (Date.now() < deadline) {
						await new Promise((wake) => setTimeout(wake, Math.min(500, 20 * 2 ** attempt)));
						continue;
					}
					return () => {
						for (const entry of batch) entry.reject(timeoutError(error));
					};
				}
				const failure = error instanceof Error ? error : new Error(String(error));
				if (batch.length === 1) return () => batch[0]!.reject(failure);
				// Postgres refused the statement as a whole: nothing was written. Find whose fault it was.
				for (const entry of batch) {
					const tell = await this.#write([entry]);
					tell();
				}
				return () => {};
			}
		}
	}

	async #send(key: string, batch: Entry[]): Promise<Appended[]> {
		const events = batch.length === 1 ? batch[0]!.events : batch.flatMap((entry) => entry.events);
		const keyed = events.some((event) => event.key !== null);
		const [row] = await this.#connection.query<{ ids: string; appended: string }>(
			'SELECT ids::text, appended::text FROM logline_append($1::uuid, $2::text[], $3::text[]::bigint[], $4::text[]::jsonb[], $5::text[])',
			[
				key,
				arrayLiteral(events.map((event) => event.topic)),
				arrayLiteral(events.map((event) => event.userId)),
				arrayLiteral(events.map((event) => event.data)),
				keyed ? arrayLiteral(events.map((event) => event.key)) : null
			]
		);
		const ids = row!.ids.slice(1, -1).split(',');
		const appended = row!.appended.slice(1, -1).split(',');
		return ids.map((id, i) => ({ id, duplicate: appended[i] !== 't' }));
	}
}

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
