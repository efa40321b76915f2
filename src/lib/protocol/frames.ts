/**
 * Names on the wire. `TOPIC_NAME` alone would allow these names for an application topic, so `isReserved` is checked where
 * topics are declared or published.
 */
export const CONTROL = {
	/** `{topics, cursor, log, user}`: the replay has reached the tail, and the connection is live. Sent once per connection. */
	caughtUp: 'caught-up',
	/** `{topic, after, oldest}`: history that the client asked for is no longer there. */
	gap: 'gap',
	/** `{topic, reason}`: this stream does not or no longer carry the topic. The others go on. */
	denied: 'denied',
	/** `{topic, pattern}`: a wildcard has brought a topic. Sent before the first event of the topic. */
	subscribed: 'subscribed',
	/** `{topic}`: the topic has ended, and this was its last event. To a client that begins behind it: before `caught-up`. */
	ended: 'ended',
	/** `{topic, id, unread}`: how far the user has read a topic. Sent at connect, and when a client of the user moves it. */
	read: 'read',
	/** `{scope, users}`, then `{scope, joined, left}`: who is present in a scope. */
	presence: 'presence',
	/** Carries the position of the connection, so that the cursor of an idle client does not grow old. */
	keepAlive: 'keep-alive',
	/** `{reason}`: the session ended. It is the last event of the response. */
	signedOut: 'signed-out',
	/** `{message}`: the connection reached its maximum age. It is the last event of the response. */
	timeout: 'timeout'
} as const;

const RESERVED: ReadonlySet<string> = new Set(Object.values(CONTROL));

/** @returns true when the name belongs to the protocol or to the log itself */
export function isReserved(topic: string): boolean {
	return topic.startsWith('$') || RESERVED.has(topic);
}

/** Data of `caught-up`. */
export interface CaughtUp {
	topics: string[];
	cursor: string;
	/** Epoch of the log. The client sends it back as `log=`. */
	log: string;
	/** Id of the user whose stream this is. The client sends it back as `user=`. */
	user?: string;
	/** Requested names whose topics are signals: their events have no id, and are `{data, from, ttl, key}`. Absent: none. */
	signals?: string[];
}

/** Data of `gap`. */
export interface Gap {
	topic: string;
	/** Cursor after which the client asked for the history. */
	after: string;
	/** Oldest id that is still there. null: no event is left. */
	oldest: string | null;
	/**
	 * Set when a failover or a restore lost events: every event that the client received after `after`, up to this id, may
	 * be lost. The topic continues after `after`, with ids greater than this one.
	 */
	lost?: string;
}

/**
 * Why a stream does not carry a topic. `forbidden`: the viewer may not see it. `revoked`: the viewer may not see it any more.
 * `unknown`: this server does not know it; another one, of a newer version, may. `too_many`: the stream is full.
 */
export type DeniedReason = 'forbidden' | 'revoked' | 'unknown' | 'too_many';

/**
 * Data of `denied`. After `forbidden` and `revoked`, the client forgets what it knows of the topic: if it gets the topic
 * again, the history follows.
 */
export interface Denied {
	topic: string;
	reason: DeniedReason;
}

/** Data of `ended`. The topic stays readable, and brings nothing more. */
export interface Ended {
	topic: string;
}

/** The largest number of unread events that is counted. It means: so many or more. */
export const MAX_UNREAD = 100;

/** Data of `read`: how far a user has read a topic. */
export interface ReadMarker {
	topic: string;
	/** The newest event that the user has read. `0`: none. It only moves forward. */
	id: string;
	/**
	 * Events after it that the user may see, counted when the marker was read or moved. At most {@link MAX_UNREAD}.
	 */
	unread: number;
}

/** Data of `subscribed`. */
export interface Subscribed {
	topic: string;
	/** The wildcard, as the client asked for it. */
	pattern: string;
}
