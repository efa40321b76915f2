import type { Logger } from 'pino';
import type { SoleConnection } from '../database/sole-connection.ts';

/** How many rows one statement moves. */
const PAGE = 5000;

/**
 * Moves committed outbox rows into the log. Every process runs one; the log's lock makes each row move once.
 */
export class Relay {
	readonly #connection: SoleConnection;
	readonly #logger: Logger;
	readonly #pollMs: number;
	#seen: string | null = null;
	#dirty = false;
	#running: Promise<void> | null = null;
	#timer: NodeJS.Timeout | undefined;
	#failing = false;

	/** @param connection for the relay alone; the relay closes it. */
	constructor(connection: SoleConnection, logger: Logger, options: { pollMs?: number } = {}) {
		this.#connection = connection;
		this.#logger = logger;
		this.#pollMs = options.pollMs ?? 1000;
	}

	start(): void {
		this.#timer = setInterval(() => this.kick(), this.#pollMs);
		this.kick();
	}

	/** Looks now, or once more if it is looking. */
	kick(): void {
		this.#dirty = true;
		this.#running ??= this.#run();
	}

	/** Stops polling, waits for the statement under way and closes the connection. */
	async stop(): Promise<void> {
		clearInterval(this.#timer);
		this.#dirty = false;
		await this.#running;
		await this.#connection.end();
	}

	async #run(): Promise<void> {
		while (this.#dirty) {
			this.#dirty = false;
			try {
				const [row] = await this.#connection.query<{ moved: number; seen: string | null }>(
					'SELECT moved, seen::text FROM logline_relay($1::pg_snapshot, $2::int)',
					[this.#seen, PAGE]
				);
				this.#seen = row?.seen ?? null;
				if (row && row.moved >= PAGE) this.#dirty = true;
				this.#failing = false;
			} catch (error) {
				// Whatever the outcome was: the next look starts from the table, which knows.
				this.#seen = null;
				if (!this.#failing)
					this.#logger.warn({ err: error }, 'the outbox cannot be moved; polling goes on');
				this.#failing = true;
			}
		}
		this.#running = null;
	}
}
