import type { Viewer } from '../../protocol/index.ts';
import { Trouble } from '../work/trouble.ts';
import { Connections } from './connections.ts';
import { openStream, type StreamAsked } from './open.ts';
import type { StreamParts } from './parts.ts';
import { pull } from './pull.ts';
import { recheckSessions } from './sessions.ts';
import type { Authenticate } from './viewer.ts';

/** Called when a client has subscribed, also on each reconnect. */
export type SubscribeListener = (viewer: Viewer, topics: readonly string[]) => void;

/** The streams of one process. */
export class Streams {
	readonly connections: Connections;
	readonly #parts: StreamParts;
	readonly #trouble: Trouble;
	readonly #listeners = new Set<SubscribeListener>();

	constructor(parts: StreamParts) {
		this.#parts = parts;
		this.#trouble = new Trouble(parts.logger, {
			lasts: 'sessions cannot be checked; trying again',
			over: 'sessions are checked again'
		});
		const limits = { ...parts.limits, recheckAll: parts.readSessions !== undefined };
		this.connections = new Connections(limits, (sessions) => void this.#recheck(sessions));
	}

	/** @returns a function that stops listening */
	onSubscribe(listener: SubscribeListener): () => void {
		this.#listeners.add(listener);
		return () => this.#listeners.delete(listener);
	}

	/** Responds with a stream, or with one page of it: see {@link openStream} and {@link pull}. */
	open(asked: StreamAsked, authenticate: Authenticate): Promise<Response> {
		const opening = {
			parts: this.#parts,
			connections: this.connections,
			onSubscribe: this.#tell
		};
		const open = (wanted: StreamAsked) => openStream(opening, wanted, authenticate);
		return pull(asked, open) ?? open(asked);
	}

	/** Checks all sessions with connections in this process, after ends of sessions may have been missed. */
	recheckSessions(): Promise<void> {
		return this.#recheck(this.connections.sessionsToCheck());
	}

	#recheck(sessions: readonly string[]): Promise<void> {
		const { readSessions } = this.#parts;
		return recheckSessions({ readSessions, trouble: this.#trouble }, this.connections, sessions);
	}

	/** An error of a listener must not affect the stream, which is already open. */
	readonly #tell: SubscribeListener = (viewer, topics) => {
		for (const listener of this.#listeners) {
			try {
				listener(viewer, topics);
			} catch (error) {
				this.#parts.logger.error({ err: error }, 'a listener for subscriptions failed');
			}
		}
	};
}
