import { connect, type Socket } from 'node:net';
import postgres from 'postgres';
import type { Host } from './address.ts';
import type { Queryable } from './queryable.ts';
import type { Route } from './route.ts';

/** Times in milliseconds. */
export interface PgSessionOptions {
	/** Shown in `pg_stat_activity.application_name`, after "logline ". */
	name: string;
	/**
	 * How long Postgres may stay silent while a statement runs. Then the session is thrown away, and the statement is
	 * rejected with `ETIMEDOUT` (outcome unknown). The server cancels a statement a little earlier, and a wait for a lock
	 * earlier still. 0: no limit.
	 */
	answerMs: number;
	/** Session parameters, such as `plan_cache_mode`. */
	settings?: Record<string, string | number> | undefined;
	/** Replaces parsers and serializers of the driver, by the number of the type. */
	types?: TypeMaps | undefined;
	/** Called with each notification that arrives (LISTEN). */
	onNotify?: (channel: string, payload: string) => void;
	/** Calls off the attempt to connect (`CONNECTION_DESTROYED`). */
	signal?: AbortSignal;
}

/** See {@link PgSessionOptions.types}. */
export interface TypeMaps {
	parsers: Record<string, unknown>;
	serializers: Record<string, unknown>;
}

/** Longest time to connect to one server, in milliseconds. */
const CONNECT_MS = 5000;

/**
 * One session with Postgres, and never another one: it runs one statement at a time, and after an error of its connection it
 * is lost, with everything that ran in it (transaction, locks, LISTEN). Each statement succeeds or fails in time.
 *
 * The driver reconnects by itself, inside the same object. Its worst defects lie there: a statement of the old session can
 * crash the process, never end, or run in the new session (decisions/004). So each session has a client of the driver of its
 * own, whose only socket we hold: it cannot connect a second time, and we can end it for certain.
 */
export class PgSession implements Queryable {
	readonly #sql: postgres.Sql;
	readonly #answerMs: number;
	readonly #host: Host;
	readonly #losses = new Set<(reason: Error) => void>();
	#socket: Socket | null = null;
	/** What the socket reported before it closed. */
	#trouble: Error | null = null;
	#lost: Error | null = null;
	/** Rejects the running statement. */
	#refuse: ((reason: Error) => void) | null = null;
	#timer: NodeJS.Timeout | undefined;
	/** Bytes that had arrived when the timer was started. */
	#read = 0;
	#readOnly = false;

	/**
	 * Connects to the first server of the route that is what the route asks for.
	 *
	 * @throws the error of the last server: of the network, `CONNECT_TIMEOUT`, `CONNECTION_NOT_PRIMARY`,
	 *   `CONNECTION_NOT_READ-WRITE`, or what Postgres says (a refused login, for example)
	 */
	static async open(route: Route, options: PgSessionOptions): Promise<PgSession> {
		let reason: unknown;
		for (const host of route.hosts()) {
			const session = new PgSession(route.url, host, options);
			try {
				await session.#connect(route.attributes, options.signal);
				route.prefer(host);
				return session;
			} catch (error) {
				reason = error;
				session.destroy();
				route.leave(host);
				if (options.signal?.aborted) break;
			}
		}
		throw reason;
	}

	private constructor(url: string, host: Host, options: PgSessionOptions) {
		const { answerMs } = options;
		this.#host = host;
		this.#answerMs = answerMs;
		const driverOptions = {
			// The driver takes lists, but its types allow only one value.
			host: [host.name] as unknown as string,
			port: [host.port] as unknown as number,
			max: 1,
			connection: {
				application_name: `logline ${options.name}`,
				// Shorter than `answerMs`, so that no statement keeps running on the server after the client gave up.
				statement_timeout: Math.ceil(answerMs * 0.8),
				lock_timeout: Math.ceil(answerMs * 0.6),
				...options.settings
			},
			// These timers are ours.
			connect_timeout: 0,
			idle_timeout: 0,
			max_lifetime: null,
			// A query of the driver that nobody waits for: if it fails, the process ends.
			fetch_types: false,
			onnotice: () => {},
			// Options of the driver that its types do not have.
			onnotify: options.onNotify,
			socket: () => this.#open(),
			onclose: () => this.#lose(this.#failure('CONNECTION_CLOSED', 'the connection was closed'))
		};
		this.#sql = postgres(url, driverOptions);
		const { parsers, serializers } = this.#sql.options as unknown as TypeMaps;
		Object.assign(parsers, options.types?.parsers);
		Object.assign(serializers, options.types?.serializers);
	}

	/** True while its next statement may be sent. */
	get isAlive(): boolean {
		return this.#lost === null;
	}

	/** True when the session has refused to write. It may have begun on a server that is writable by now. */
	get isReadOnly(): boolean {
		return this.#readOnly;
	}

	/**
	 * Calls back once: when the session is lost, in the same tick, or now if it is lost already.
	 *
	 * @returns a function that takes the callback back
	 */
	onLost(callback: (reason: Error) => void): () => void {
		if (this.#lost) {
			callback(this.#lost);
			return () => {};
		}
		this.#losses.add(callback);
		return () => this.#losses.delete(callback);
	}

	/** Runs one prepared statement. */
	query<Row extends object>(text: string, parameters: (string | number | null)[]): Promise<Row[]> {
		return this.ask<Row[]>((sql) => sql.unsafe<Row[]>(text, parameters, { prepare: true }));
	}

	/** Runs statements that are sent as one message. Together they are one transaction, unless they say otherwise. */
	async run(text: string): Promise<void> {
		await this.ask((sql) => sql.unsafe(text));
	}

	/**
	 * Runs one query of the driver.
	 *
	 * @throws errors of Postgres, after which the session goes on; all other errors mean that it is lost: `ETIMEDOUT`,
	 *   `CONNECTION_CLOSED`, those of the network
	 */
	ask<T>(query: (sql: postgres.Sql) => PromiseLike<T>): Promise<T> {
		return new Promise((resolve, reject) => {
			if (this.#lost) {
				reject(this.#lost);
				return;
			}
			if (this.#refuse) {
				reject(new Error('A session runs one statement at a time.'));
				return;
			}
			// The driver forgets a statement that is sent while its socket closes. So we reject it ourselves.
			this.#refuse = reject;
			this.#watch();
			query(this.#sql).then(
				(result) => {
					this.#refuse = null;
					resolve(result);
				},
				(error: unknown) => {
					this.#refuse = null;
					const failure = error instanceof Error ? error : new Error(String(error));
					if (!isRefusal(failure)) this.#lose(failure);
					else if (failure.code === READ_ONLY) this.#readOnly = true;
					reject(failure);
				}
			);
		});
	}

	/**
	 * Ends the session after the running statement, and says goodbye to the server.
	 *
	 * @param graceMs how long the statement and the goodbye may take; then the connection is closed at once
	 */
	async end(graceMs: number): Promise<void> {
		if (this.#lost === null) await this.#sql.end({ timeout: graceMs / 1000 });
		this.destroy();
	}

	/** Closes the connection at once. A running statement is rejected (`CONNECTION_DESTROYED`, outcome unknown). */
	destroy(): void {
		this.#lose(this.#failure('CONNECTION_DESTROYED', 'the connection was closed by us'));
	}

	/** Waits until the server has let us in and is what is asked for. */
	async #connect(attributes: string | null, signal?: AbortSignal): Promise<void> {
		const limit = this.#answerMs > 0 ? Math.min(this.#answerMs, CONNECT_MS) : CONNECT_MS;
		const late = setTimeout(
			() => this.#lose(this.#failure('CONNECT_TIMEOUT', `no session within ${limit} ms`)),
			limit
		);
		const callOff = () => this.destroy();
		signal?.addEventListener('abort', callOff);
		if (signal?.aborted) callOff();
		try {
			// Plain text without parameters: a pooler may not support prepared statements.
			const rows = await this.ask((sql) =>
				sql.unsafe<{ standby: boolean; readonly: string }[]>(BEGIN)
			);
			const is = attributes === null ? undefined : rows[0];
			if (is && (attributes === 'primary' ? is.standby : is.readonly === 'on')) {
				throw this.#failure(
					`CONNECTION_NOT_${attributes!.toUpperCase()}`,
					`it is not ${attributes}`
				);
			}
		} finally {
			clearTimeout(late);
			signal?.removeEventListener('abort', callOff);
		}
	}

	/** The driver asks for its socket. It asks again to reconnect, which a session does not do. */
	#open(): Socket {
		if (this.#lost || this.#socket) {
			throw this.#failure('CONNECTION_CLOSED', 'the connection was closed');
		}
		const { name, port } = this.#host;
		const socket = (this.#socket = name.startsWith('/')
			? connect(`${name}/.s.PGSQL.${port}`)
			: connect(port, name));
		socket.on('error', (error) => (this.#trouble = error));
		socket.once('close', () =>
			this.#lose(this.#trouble ?? this.#failure('CONNECTION_CLOSED', 'the connection was closed'))
		);
		// The driver reads these: for the name in the server's certificate, and for its messages.
		return Object.assign(socket, { host: name, port });
	}

	/** Starts the time for an answer. One timer serves all statements: it costs less than one for each. */
	#watch(): void {
		if (this.#answerMs === 0) return;
		this.#read = this.#socket?.bytesRead ?? 0;
		if (this.#timer) this.#timer.refresh();
		else this.#timer = setTimeout(() => this.#look(), this.#answerMs);
	}

	/** The time is over: for an answer that keeps coming it begins again. */
	#look(): void {
		if (!this.#refuse) return;
		if ((this.#socket?.bytesRead ?? 0) > this.#read) this.#watch();
		else this.#lose(this.#failure('ETIMEDOUT', `no answer for ${this.#answerMs} ms`));
	}

	#lose(reason: Error): void {
		if (this.#lost) return;
		this.#lost = reason;
		clearTimeout(this.#timer);
		this.#socket?.destroy();
		this.#refuse?.(reason);
		this.#refuse = null;
		for (const tell of this.#losses) tell(reason);
		this.#losses.clear();
	}

	#failure(code: string, what: string): Error & { code: string } {
		const { name, port } = this.#host;
		return Object.assign(new Error(`${code} ${name}:${port}: ${what}`), { code });
	}
}

/**
 * The first statement of a session. It asks what the server is, and sets what a role or a database may have set otherwise (ALTER
 * ROLE … SET), and on which our statements depend: who has waited for a lock sees what was committed meanwhile, and a text or an
 * array is written in one way. They are no startup parameters, because a pooler may be told to ignore those.
 */
const BEGIN = `SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only') AS readonly,
	set_config('default_transaction_isolation', 'read committed', false),
	set_config('standard_conforming_strings', 'on', false), set_config('array_nulls', 'on', false)`;

const READ_ONLY = '25006';

/** @returns true when Postgres has refused a statement, and the session goes on */
function isRefusal(error: Error): error is postgres.PostgresError {
	return error instanceof postgres.PostgresError && error.severity === 'ERROR';
}
