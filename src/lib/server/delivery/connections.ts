import { CONTROL, LoglineError } from '$lib/protocol';
import type { Sink } from './sink.ts';
import type { Subscriber } from './subscriber.ts';

/** Times in milliseconds. */
export interface ConnectionLimits {
	keepAliveMs: number;
	/** 0: no maximum. */
	maxAgeMs: number;
	maxConnections: number;
	maxConnectionsPerUser: number;
	/** A client that takes nothing for so long is ended. */
	stallMs: number;
}

/** An open stream. */
export interface Connection {
	readonly subscriber: Subscriber;
	readonly sink: Sink & {
		/** When bytes last left, or there were none to leave; milliseconds since 1970. */
		readonly progressAt: number;
	};
	readonly userId: string;
	readonly sessionID: string;
	readonly clientID: string;
	readonly topics: readonly string[];
	/** When the session ends unless it is used, milliseconds since 1970. */
	sessionExpiresAt: number;
}

interface Held extends Connection {
	keepAliveAt: number;
	endsAt: number;
}

/**
 * The open streams of this process: how many there may be, and when each is due for a keep-alive or its end. One timer
 * serves them all.
 */
export class Connections {
	readonly #limits: ConnectionLimits;
	readonly #held = new Map<Connection, Held>();
	readonly #perUser = new Map<string, number>();
	readonly #perTopic = new Map<string, number>();
	readonly #bySession = new Map<string, Set<Connection>>();
	readonly #onExpired: (sessionID: string) => void;
	#timer: NodeJS.Timeout | undefined;
	#closed = false;

	/** @param onExpired asked once a session's time is over: it may have been prolonged meanwhile */
	constructor(limits: ConnectionLimits, onExpired: (sessionID: string) => void) {
		this.#limits = limits;
		this.#onExpired = onExpired;
	}

	get size(): number {
		return this.#held.size;
	}

	/** Ids of the sessions that have streams here. */
	get sessions(): string[] {
		return [...this.#bySession.keys()];
	}

	/** Whether a stream is subscribed to the topic. */
	has(topic: string): boolean {
		return this.#perTopic.has(topic);
	}

	start(): void {
		const interval = Math.max(20, Math.min(1000, this.#limits.keepAliveMs / 4));
		this.#timer = setInterval(() => this.#sweep(Date.now()), interval);
	}

	/**
	 * Makes room for one more stream. A client that comes back while its old stream still looks alive replaces it.
	 *
	 * @throws LoglineError `draining` (503), `too_many_connections` (429)
	 */
	admit(client: Pick<Connection, 'userId' | 'sessionID' | 'clientID'>): void {
		if (this.#closed) {
			throw new LoglineError('draining', 'The server is shutting down. Connect again.', 503, 1);
		}
		const mine = () => this.#perUser.get(client.userId) ?? 0;
		if (mine() >= this.#limits.maxConnectionsPerUser && client.clientID !== '') {
			for (const old of [...(this.#bySession.get(client.sessionID) ?? [])]) {
				if (old.clientID === client.clientID) old.subscriber.end();
			}
		}
		if (mine() >= this.#limits.maxConnectionsPerUser) {
			throw new LoglineError(
				'too_many_connections',
				`At most ${this.#limits.maxConnectionsPerUser} streams per user. Close one, or share one between tabs.`,
				429,
				10
			);
		}
		if (this.#held.size >= this.#limits.maxConnections) {
			throw new LoglineError(
				'too_many_connections',
				'The server is full. Try again later.',
				429,
				10
			);
		}
	}

	add(connection: Connection): void {
		const now = Date.now();
		const { maxAgeMs, keepAliveMs } = this.#limits;
		this.#held.set(
			connection,
			Object.assign(connection, {
				keepAliveAt: now + keepAliveMs,
				// Jittered, so that clients that came together do not leave together.
				endsAt: maxAgeMs === 0 ? Infinity : now + maxAgeMs * (0.8 + 0.2 * Math.random())
			})
		);
		count(this.#perUser, connection.userId, 1);
		for (const topic of connection.topics) count(this.#perTopic, topic, 1);
		const ofSession = this.#bySession.get(connection.sessionID);
		if (ofSession) ofSession.add(connection);
		else this.#bySession.set(connection.sessionID, new Set([connection]));
	}

	remove(connection: Connection): void {
		if (!this.#held.delete(connection)) return;
		count(this.#perUser, connection.userId, -1);
		for (const topic of connection.topics) count(this.#perTopic, topic, -1);
		const ofSession = this.#bySession.get(connection.sessionID);
		ofSession?.delete(connection);
		if (ofSession?.size === 0) this.#bySession.delete(connection.sessionID);
	}

	/** Ends the streams of a session, telling them why. */
	endSession(sessionID: string, reason: string): void {
		for (const connection of [...(this.#bySession.get(sessionID) ?? [])]) {
			connection.subscriber.finish(CONTROL.signedOut, { reason });
		}
	}

	/** The session was used: its streams live on. */
	prolong(sessionID: string, expiresAt: number): void {
		for (const connection of this.#bySession.get(sessionID) ?? []) {
			connection.sessionExpiresAt = expiresAt;
		}
	}

	/** Ends every stream; the clients come back. */
	endAll(): void {
		for (const connection of [...this.#held.keys()]) connection.subscriber.end();
	}

	/** Refuses new streams from now on and ends the open ones. `last` is written to each before. */
	close(last: () => Uint8Array): void {
		this.#closed = true;
		clearInterval(this.#timer);
		for (const connection of [...this.#held.keys()]) {
			connection.sink.write(last());
			connection.subscriber.end();
		}
	}

	#sweep(now: number): void {
		const expired = new Set<string>();
		for (const held of this.#held.values()) {
			if (held.sink.backlog > 0 && now - held.sink.progressAt > this.#limits.stallMs) {
				held.subscriber.end();
			} else if (now >= held.endsAt) {
				held.subscriber.finish(CONTROL.timeout, {
					message: 'The connection has reached its maximum age. Connect again.'
				});
			} else if (now >= held.keepAliveAt) {
				held.keepAliveAt = now + this.#limits.keepAliveMs;
				held.subscriber.keepAlive();
			}
			if (now >= held.sessionExpiresAt) expired.add(held.sessionID);
		}
		for (const sessionID of expired) {
			// Asked once; the answer prolongs the session or ends it.
			this.prolong(sessionID, Infinity);
			this.#onExpired(sessionID);
		}
	}
}

function count(counts: Map<string, number>, key: string, change: 1 | -1): void {
	const next = (counts.get(key) ?? 0) + change;
	if (next === 0) counts.delete(key);
	else counts.set(key, next);
}
