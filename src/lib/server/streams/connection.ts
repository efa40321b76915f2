import type { LoglineError } from '../../protocol/index.ts';
import type { Sink } from '../delivery/sink.ts';
import type { Subscriber } from '../delivery/subscriber.ts';

/** What a request for a stream says about the client before anything is read from the database. */
export interface Asker {
	/** As `SignedInViewer.session`, if it is known before anything is read. null: not known yet. */
	readonly sessionID: string | null;
	/** '' is the unnamed client of the session. */
	readonly clientID: string;
}

/** The result of a successful opening. */
export interface Stream {
	readonly subscriber: Subscriber;
	readonly sink: Sink & {
		/** When bytes were last sent, or when nothing was left to send. Milliseconds of `performance.now()`. */
		readonly progressAt: number;
		/** Ends the stream and its socket. Unsent bytes are dropped. */
		destroy(): void;
		/** Calls `listener` after the socket has closed. */
		onGone(listener: () => void): void;
	};
}

/**
 * A request for a stream, from before its first wait until its socket has closed. First it is *opening*, then it has a
 * stream. The end of its session, or of the server, ends it in both states.
 */
export class Connection implements Asker {
	/** null: it is not known yet who asks. */
	sessionID: string | null;
	readonly clientID: string;
	/** null: it is not known yet who asks. */
	userId: string | null = null;
	/** When the session expires if it is not used again. Milliseconds since 1970. */
	sessionExpiresAt = Infinity;
	/** null: the connection is opening, or it ended while it was opening. */
	stream: Stream | null = null;
	/** Milliseconds of `performance.now()`. */
	keepAliveAt = Infinity;
	endsAt = Infinity;
	/** Only set while the connection is opening: there are many streams, and each would keep one in memory. */
	#opening: AbortController | null = new AbortController();
	/** Sessions that ended while it was not known whether they are this one's. */
	#ended: Set<string> | null = null;

	constructor({ sessionID, clientID }: Asker) {
		this.sessionID = sessionID;
		this.clientID = clientID;
	}

	/** A session has ended, and may be this one's. */
	noteEnd(sessionID: string): void {
		(this.#ended ??= new Set()).add(sessionID);
	}

	/** @returns false when the session has ended since the connection began to open */
	learnSession(sessionID: string): boolean {
		this.sessionID = sessionID;
		const ended = this.#ended?.has(sessionID) ?? false;
		this.#ended = null;
		return !ended;
	}

	/** Why the connection ended while it was opening. null: it did not end. */
	get refusal(): LoglineError | null {
		const signal = this.#opening?.signal;
		return signal?.aborted ? (signal.reason as LoglineError) : null;
	}

	/** Ends the opening. A pending {@link during} rejects with `refusal` at once. */
	refuse(refusal: LoglineError): void {
		this.#opening?.abort(refusal);
	}

	/** The connection has a stream now. From here on, the stream has its own way to end. */
	opened(stream: Stream): void {
		this.stream = stream;
		this.#opening = null;
	}

	/**
	 * Waits for a step of the opening, but no longer than the connection lasts.
	 *
	 * @throws LoglineError the refusal; or any error of the step
	 */
	during<T>(step: Promise<T>): Promise<T> {
		const signal = this.#opening?.signal;
		if (!signal) return step;
		return new Promise<T>((resolve, reject) => {
			const over = () => reject(signal.reason as LoglineError);
			const done = () => signal.removeEventListener('abort', over);
			signal.addEventListener('abort', over, { once: true });
			if (signal.aborted) over();
			step.then(
				(value) => {
					done();
					// The step and the end may both have happened in this tick. The end wins.
					if (signal.aborted) over();
					else resolve(value);
				},
				(error: unknown) => {
					done();
					reject(error instanceof Error ? error : new Error(String(error)));
				}
			);
		});
	}
}
