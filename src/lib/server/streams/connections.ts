import { CONTROL, type LoglineError } from '../../protocol/index.ts';
import {
	clientGone,
	draining,
	logReplaced,
	serverFull,
	sessionOver,
	sessionUnchecked,
	tooManyStreams
} from './connection-refusals.ts';
import type { Subscriber } from '../delivery/subscriber.ts';
import { Connection, type Asker, type Stream } from './connection.ts';
import { attend } from './attend.ts';
import { BySession } from './by-session.ts';
import { Openings } from './openings.ts';
import { Tally } from './tally.ts';
import { requireViewer, type SignedInViewer } from './viewer.ts';

/** Times in milliseconds. */
export interface ConnectionLimits {
	keepAliveMs: number;
	/** 0 means no maximum. */
	maxAgeMs: number;
	maxConnections: number;
	maxConnectionsPerUser: number;
	/** A client that takes no bytes for this long is disconnected. */
	stallMs: number;
	/** True: all sessions are checked once a minute. */
	recheckAll: boolean;
}

/** How often all sessions are checked, in milliseconds. A notification is only a hint and can be missed. */
const RECHECK_MS = 60_000;

/**
 * All connections of this process. This includes connections that are opening, and ended ones whose sockets are still open.
 * Enforces the limits, and sends each connection its keep-alive or its end in time. One timer serves all of them.
 */
export class Connections {
	readonly #limits: ConnectionLimits;
	readonly #held = new Set<Connection>();
	readonly #perUser = new Tally();
	readonly #bySession = new BySession();
	/** Connections of which it is not known yet who asks. */
	readonly #unknown = new Set<Connection>();
	readonly #recheck: (sessions: string[]) => void;
	readonly #openings: Openings;
	#recheckAt = Infinity;
	#timer: NodeJS.Timeout | undefined;
	#closed = false;
	#onEmpty: (() => void) | null = null;

	/**
	 * @param recheck called with sessions that have expired here (they may have been prolonged), and, with `recheckAll`, once
	 *   a minute with all sessions
	 */
	constructor(limits: ConnectionLimits, recheck: (sessions: string[]) => void) {
		this.#limits = limits;
		this.#recheck = recheck;
		this.#openings = new Openings(limits.maxConnectionsPerUser);
	}

	get size(): number {
		return this.#held.size;
	}

	/** The open streams, with the clients that have them. */
	*streams(): Iterable<{ clientID: string; subscriber: Subscriber }> {
		for (const { clientID, stream } of this.#held) {
			if (stream) yield { clientID, subscriber: stream.subscriber };
		}
	}

	/** Ids of the sessions that have connections in this process. */
	get sessions(): string[] {
		return this.#bySession.sessions;
	}

	/**
	 * Returns the sessions to check after ends of sessions may have been missed. Connections of which it is not known yet who
	 * asks are checked as soon as that is known.
	 */
	sessionsToCheck(): string[] {
		for (const connection of this.#unknown) connection.sessionExpiresAt = 0;
		return this.sessions;
	}

	/** @returns true when a stream of this process carries the topic; it may look at all streams */
	has(topic: string): boolean {
		for (const { stream } of this.#held) if (stream?.subscriber.carries(topic)) return true;
		return false;
	}

	/** @returns ids of the clients of a session that have a connection in this process */
	clientsOf(sessionID: string): string[] {
		return this.#bySession.of(sessionID).map(({ clientID }) => clientID);
	}

	start(): void {
		const interval = Math.max(20, Math.min(1000, this.#limits.keepAliveMs / 4));
		this.#recheckAt = performance.now() + RECHECK_MS;
		this.#timer = setInterval(() => this.#sweep(), interval);
	}

	/**
	 * Takes a place for one more connection, before the first wait. Therefore the end of its session always ends it too, and
	 * concurrent requests cannot pass a limit. A client that comes back while its old connection still looks alive replaces
	 * it.
	 *
	 * @throws LoglineError `draining` (503), `too_many_connections` (429)
	 */
	take(asker: Asker): Connection {
		if (this.#closed) throw draining();
		if (asker.sessionID !== null) this.#makeRoom(asker.sessionID, asker);
		if (this.#held.size >= this.#limits.maxConnections) throw serverFull();
		const connection = new Connection(asker);
		this.#held.add(connection);
		if (asker.sessionID === null) this.#unknown.add(connection);
		else this.#bySession.add(asker.sessionID, connection);
		return connection;
	}

	/**
	 * Sets the viewer of a connection, as soon as it is known who asks.
	 *
	 * @throws LoglineError `invalid_user`, `invalid_session`; `unauthorized` (401) when the session has ended meanwhile; `too_many_connections` (429); or the
	 *   reason why the connection has ended meanwhile
	 */
	identify(connection: Connection, viewer: SignedInViewer): void {
		if (connection.refusal) throw connection.refusal;
		const { id: userId, session, expires } = viewer;
		requireViewer(viewer);
		if (this.#unknown.delete(connection)) {
			if (!connection.learnSession(session)) throw sessionOver();
			this.#makeRoom(session, connection);
			this.#bySession.add(session, connection);
		} else if (connection.sessionID !== session) {
			throw new TypeError('authenticate returned another session than the one it was called for');
		}
		const { maxConnectionsPerUser } = this.#limits;
		this.#openings.count(userId, session);
		const mine = () => this.#perUser.of(userId);
		if (mine() >= maxConnectionsPerUser) this.#replace(session, connection);
		if (mine() >= maxConnectionsPerUser) throw tooManyStreams(maxConnectionsPerUser);
		connection.userId = userId;
		this.#perUser.add(userId, 1);
		// A recheck of the session that failed while the session was being read may have set an earlier time.
		connection.sessionExpiresAt = Math.min(connection.sessionExpiresAt, expires.getTime());
	}

	/**
	 * Ensures that a session may have one more connection. All connections of a session belong to one user, so the limit per
	 * user holds for them before the user is known.
	 *
	 * @throws LoglineError `too_many_connections` (429)
	 */
	#makeRoom(sessionID: string, asker: Asker): void {
		this.#openings.check(sessionID);
		const { maxConnectionsPerUser } = this.#limits;
		const count = () => this.#bySession.count(sessionID);
		if (count() >= maxConnectionsPerUser) this.#replace(sessionID, asker);
		if (count() >= maxConnectionsPerUser) throw tooManyStreams(maxConnectionsPerUser);
	}

	/**
	 * Gives the connection its stream.
	 *
	 * @throws LoglineError the reason why the connection has ended meanwhile; the caller must then end the stream
	 */
	open(connection: Connection, stream: Stream): void {
		if (connection.refusal) throw connection.refusal;
		const now = performance.now();
		const { maxAgeMs, keepAliveMs } = this.#limits;
		connection.opened(stream);
		connection.keepAliveAt = now + keepAliveMs;
		// Random, so that clients that connected together do not disconnect together.
		if (maxAgeMs > 0) connection.endsAt = now + maxAgeMs * (0.8 + 0.2 * Math.random());
		stream.sink.onGone(() => this.release(connection));
	}

	/** Removes an ended connection. Calling it again does nothing. */
	release(connection: Connection): void {
		if (!this.#held.delete(connection)) return;
		if (connection.userId !== null) this.#perUser.add(connection.userId, -1);
		this.#unknown.delete(connection);
		const { sessionID } = connection;
		if (sessionID !== null) this.#bySession.delete(sessionID, connection);
		if (this.#held.size === 0) this.#onEmpty?.();
	}

	/** The client closed before its connection had a stream. */
	abandon(connection: Connection): void {
		this.#refuse(connection, clientGone());
	}

	/** Ends the connections of a session and sends the reason. */
	endSession(sessionID: string, reason: string): void {
		for (const connection of this.#bySession.of(sessionID)) {
			if (connection.stream) {
				connection.stream.subscriber.finish(CONTROL.signedOut, { reason });
			} else {
				this.#refuse(connection, sessionOver(reason));
			}
		}
		for (const connection of this.#unknown) connection.noteEnd(sessionID);
	}

	/** Ends the streams of a session, so that their clients come back and are authenticated again. */
	sendAway(sessionID: string): void {
		for (const connection of this.#bySession.of(sessionID)) {
			if (connection.stream) connection.stream.subscriber.end();
			else this.#refuse(connection, sessionUnchecked());
		}
	}

	/** The session was used: its connections may stay open until the new expiry. */
	prolong(sessionID: string, expiresAt: number): void {
		for (const connection of this.#bySession.of(sessionID)) {
			connection.sessionExpiresAt = expiresAt;
		}
	}

	/**
	 * Ends the connections because the log was replaced, or has moved. The clients connect again, and their cursors are judged
	 * again.
	 *
	 * @param which streams to end; default: all. Those that are opening end, too: their cursors have been judged before.
	 */
	endAll(which: (subscriber: Subscriber) => boolean = () => true): void {
		for (const connection of [...this.#held]) {
			const { stream } = connection;
			if (!stream) this.#refuse(connection, logReplaced());
			else if (which(stream.subscriber)) stream.subscriber.end();
		}
	}

	/** Refuses new connections from now on and ends the open ones. `last` is written to each stream before it ends. */
	close(last: () => Uint8Array): void {
		this.#closed = true;
		clearInterval(this.#timer);
		for (const connection of [...this.#held]) {
			if (connection.stream) {
				connection.stream.sink.write(last());
				connection.stream.subscriber.end();
			} else {
				this.#refuse(connection, draining());
			}
		}
	}

	/** Resolves when no socket is open. After `ms` milliseconds the sockets that are still open are destroyed. */
	async settle(ms: number): Promise<void> {
		if (this.#held.size === 0) return;
		let timer: NodeJS.Timeout | undefined;
		await new Promise<void>((resolve) => {
			this.#onEmpty = resolve;
			timer = setTimeout(resolve, ms);
		});
		clearTimeout(timer);
		for (const connection of [...this.#held]) this.#destroy(connection);
	}

	/** Ends the other connections of the same client: it has connected again and does not read the old ones. */
	#replace(sessionID: string, asker: Asker): void {
		if (asker.clientID === '') return;
		for (const old of this.#bySession.of(sessionID)) {
			if (old.clientID === asker.clientID && old !== asker) this.#destroy(old);
		}
	}

	#refuse(connection: Connection, refusal: LoglineError): void {
		connection.refuse(refusal);
		this.release(connection);
	}

	#destroy(connection: Connection): void {
		if (!connection.stream) {
			return this.#refuse(connection, tooManyStreams(this.#limits.maxConnectionsPerUser));
		}
		connection.stream.subscriber.end();
		connection.stream.sink.destroy();
		// Count the socket as closed now: the next connection must not wait for the close event.
		this.release(connection);
	}

	#sweep(): void {
		const now = performance.now();
		const due = new Set<string>();
		for (const connection of this.#held) {
			const { stream, sessionID } = connection;
			if (stream && attend(connection, stream, this.#limits, now) === 'stalled') {
				this.#destroy(connection);
			}
			if (sessionID !== null && Date.now() >= connection.sessionExpiresAt) due.add(sessionID);
		}
		// Each session is asked for once. The recheck then prolongs the session or ends it.
		for (const sessionID of due) this.prolong(sessionID, Infinity);
		if (now >= this.#recheckAt) {
			this.#recheckAt = now + RECHECK_MS;
			this.#openings.prune(now);
			if (this.#limits.recheckAll) return this.#recheck(this.sessions);
		}
		if (due.size > 0) this.#recheck([...due]);
	}
}
