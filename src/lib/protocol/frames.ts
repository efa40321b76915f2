/**
 * Names on the wire. An application topic can never collide with a control event: `TOPIC_NAME` would allow these, so
 * `isReserved` is asked where topics are declared or published.
 */
export const CONTROL = {
	/** `{topics, cursor, log}`: replay has reached the live tail. Once per connection. */
	caughtUp: 'caught-up',
	/** `{topic, after, oldest}`: history that was asked for is no longer there. */
	gap: 'gap',
	/** Carries the connection's position, so that an idle cursor never grows old. */
	keepAlive: 'keep-alive',
	/** `{reason}`: the session ended; the response ends after it. */
	signedOut: 'signed-out',
	/** `{message}`: the connection reached its maximum age; the response ends after it. */
	timeout: 'timeout'
} as const;

const RESERVED: ReadonlySet<string> = new Set(Object.values(CONTROL));

/** Whether a name belongs to the protocol or to the log itself. */
export function isReserved(topic: string): boolean {
	return topic.startsWith('$') || RESERVED.has(topic);
}

/** Data of `caught-up`. */
export interface CaughtUp {
	topics: string[];
	cursor: string;
	/** Epoch of the log; sent back as `log=`. */
	log: string;
	/** Id of the user whose stream it is; sent back as `user=`. */
	user?: string;
}

/** Data of `gap`. */
export interface Gap {
	topic: string;
	/** Cursor after which the client wanted the history. */
	after: string;
	/** Oldest id that is still there, or null when nothing is. */
	oldest: string | null;
}
