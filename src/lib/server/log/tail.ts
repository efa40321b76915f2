import type { Logger } from 'pino';
import type { SoleConnection } from '../database/sole-connection.ts';
import { readAfter, readIdentity } from './read.ts';
import type { LogEvent } from './types.ts';

const PAGE = 1000;

/**
 * Reads the log after its head, once per process, and hands over every event once, in order. A notification only makes it
 * look sooner: what it finds depends on the log alone.
 */
export class Tailer {
	readonly #connection: SoleConnection;
	readonly #logger: Logger;
	readonly #pollMs: number;
	readonly #deliver: (events: LogEvent[]) => void;
	readonly #onReplaced: (head: bigint) => void;
	#tail = 0n;
	#epoch = '';
	/** Whether to make sure that it is still the same log: after every failure, and now and then. */
	#verify = false;
	#dirty = false;
	#stopped = true;
	#running: Promise<void> | null = null;
	#timer: NodeJS.Timeout | undefined;
	#failing = false;
	#lastLook = 0;

	/**
	 * @param connection for the tailer alone; the tailer closes it
	 * @param deliver called with each page, synchronously, in order
	 * @param onReplaced called when the log is another one than before, or has gone back: a backup was restored under us. What
	 *   follows is delivered from its head on.
	 */
	constructor(
		connection: SoleConnection,
		logger: Logger,
		deliver: (events: LogEvent[]) => void,
		onReplaced: (head: bigint) => void,
		options: { pollMs?: number } = {}
	) {
		this.#connection = connection;
		this.#logger = logger;
		this.#deliver = deliver;
		this.#onReplaced = onReplaced;
		this.#pollMs = options.pollMs ?? 1000;
	}

	/** Id up to which everything has been handed over. */
	get tail(): bigint {
		return this.#tail;
	}

	/** Identity of the log that is being read. */
	get epoch(): string {
		return this.#epoch;
	}

	/** When the log was last looked at with success, in milliseconds since 1970. */
	get lastLook(): number {
		return this.#lastLook;
	}

	/**
	 * Takes the head of the log as the place to begin. Until `start`, `wake` does nothing: a look before the head is known
	 * would begin at the first event ever.
	 */
	async begin(): Promise<bigint> {
		({ head: this.#tail, epoch: this.#epoch } = await readIdentity(this.#connection));
		return this.#tail;
	}

	start(): void {
		this.#stopped = false;
		this.#timer = setInterval(() => {
			this.#verify = true;
			this.wake();
		}, this.#pollMs);
		this.wake();
	}

	/** Looks now, or once more if it is looking. */
	wake(): void {
		if (this.#stopped) return;
		this.#dirty = true;
		this.#running ??= this.#run();
	}

	async stop(): Promise<void> {
		this.#stopped = true;
		clearInterval(this.#timer);
		await this.#running;
		await this.#connection.end();
	}

	async #run(): Promise<void> {
		while (this.#dirty && !this.#stopped) {
			this.#dirty = false;
			try {
				if (this.#verify) await this.#identify();
				const events = await readAfter(this.#connection, this.#tail, PAGE);
				this.#lastLook = Date.now();
				if (events.length === PAGE) this.#dirty = true;
				if (events.length > 0) {
					this.#tail = events[events.length - 1]!.id;
					this.#deliver(events);
				}
				if (this.#failing) this.#logger.info('the log is readable again');
				this.#failing = false;
			} catch (error) {
				this.#verify = true;
				if (!this.#failing)
					this.#logger.warn({ err: error }, 'the log cannot be read; polling goes on');
				this.#failing = true;
			}
		}
		// Same tick as the look at `#dirty`: clearing it later would lose a wake-up.
		this.#running = null;
	}

	async #identify(): Promise<void> {
		const { epoch, head } = await readIdentity(this.#connection);
		this.#verify = false;
		if (epoch === this.#epoch && head >= this.#tail) return;
		this.#logger.warn(
			{ head: head.toString(), tail: this.#tail.toString() },
			'the log has been replaced; every client starts anew'
		);
		this.#epoch = epoch;
		this.#tail = head;
		this.#onReplaced(head);
	}
}
