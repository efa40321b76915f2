import type { Condition, SSEStatus } from 'logline/client';

/** What a reader is told about the stream, and the way out. */
export interface Told {
	/** Beside the dot: always there. */
	word: string;
	/** Classes of the dot. */
	dot: string;
	/** In a banner; null: the word says it. */
	sentence: string | null;
	/** What the server has said, if it said why, comes before the sentence. */
	quotes?: true;
	/** problem: it is read out at once. */
	tone: 'calm' | 'problem';
	/** The button beside the word. */
	button: 'connect' | 'disconnect' | 'retry' | null;
	/** A link in the banner. */
	link: 'reload' | 'sign-in' | null;
}

const DOTS = {
	off: 'bg-line-strong',
	waits: 'bg-warning animate-pulse',
	live: 'bg-success',
	fails: 'bg-danger'
};

const QUIET = { sentence: null, tone: 'calm', link: null } as const;

const OFF: Told = { ...QUIET, word: 'Disconnected', dot: DOTS.off, button: 'connect' };
const BEGINS: Told = { ...QUIET, word: 'Connecting…', dot: DOTS.waits, button: 'disconnect' };
const LIVE: Told = { ...QUIET, word: 'Live', dot: DOTS.live, button: 'disconnect' };
/** An open connection was lost, which is normal: a tunnel, a deploy. */
const AGAIN: Told = { ...QUIET, word: 'Reconnecting', dot: DOTS.waits, button: 'retry' };

const problem = (sentence: string, more: Partial<Told> = {}): Told => ({
	word: 'Not connected',
	dot: DOTS.fails,
	tone: 'problem',
	button: 'retry',
	link: 'reload',
	sentence,
	...more
});

const AWAY = problem(
	'No connection. It is tried again and again, and nothing will be missing when it is back.'
);
const OFFLINE: Told = {
	...QUIET,
	word: 'Offline',
	dot: DOTS.waits,
	button: 'retry',
	sentence:
		'Your device is offline. The page goes on by itself when the network is back, and nothing will be missing.'
};
const WAKING: Told = { ...QUIET, word: 'Waking up', dot: DOTS.waits, button: 'retry' };
const SUSPECT: Told = { ...QUIET, word: 'No sign of life', dot: DOTS.waits, button: 'retry' };
const SIGNED_OUT: Told = {
	word: 'Signed out',
	dot: DOTS.off,
	sentence: 'You have been signed out. What you see stays as it was.',
	tone: 'problem',
	button: null,
	link: 'sign-in'
};
const INTERCEPTED = problem(
	'Something between this page and the server answers in its place. On a public network, its sign-in page may be waiting for you.'
);
const FORBIDDEN = problem('There is nothing left here that you may see.', { quotes: true });
const LIMITED = problem(
	'It is tried again as soon as the server allows it. Nothing will be missing then.',
	{
		quotes: true
	}
);
const DRAINED: Told = {
	...AGAIN,
	sentence:
		'The server is being renewed. The page goes on in a moment, and nothing will be missing.'
};
const UNAVAILABLE = problem(
	'The server does not serve at the moment. It is tried again and again, and nothing will be missing when it is back.',
	{ quotes: true }
);
const REJECTED = problem(
	'The server does not understand this page. Perhaps there is a newer one.',
	{
		quotes: true
	}
);
const INVALID = problem('This page does not know where its events come from.', {
	button: 'connect'
});
const PARTLY: Told = {
	...LIVE,
	sentence: 'A part of this page gets nothing new at the moment. The rest is live.',
	link: 'reload'
};

/** For each condition in each state of the stream. `none`: nothing out of the ordinary. */
export const TOLD: Readonly<Record<Condition | 'none', Readonly<Record<SSEStatus, Told>>>> = {
	none: { idle: OFF, connecting: BEGINS, connected: LIVE, error: AWAY },

	// Of what a page does by itself, nothing has to be told: the reader sees only what came before.
	cached: { idle: OFF, connecting: AGAIN, connected: LIVE, error: AWAY },
	restored: { idle: OFF, connecting: AGAIN, connected: LIVE, error: AWAY },
	hidden: { idle: OFF, connecting: AGAIN, connected: LIVE, error: AWAY },
	seen: { idle: OFF, connecting: AGAIN, connected: LIVE, error: AWAY },
	asleep: { idle: OFF, connecting: AGAIN, connected: WAKING, error: AWAY },

	offline: { idle: OFF, connecting: OFFLINE, connected: OFFLINE, error: OFFLINE },
	online: { idle: OFF, connecting: AGAIN, connected: LIVE, error: AWAY },
	quiet: { idle: OFF, connecting: AGAIN, connected: SUSPECT, error: AWAY },
	// The client comes from a connection (`connecting`), or has not got one (`error`). A new attempt changes no text, which would
	// be read out each time.
	silent: { idle: OFF, connecting: AGAIN, connected: LIVE, error: AWAY },
	lost: { idle: OFF, connecting: AGAIN, connected: LIVE, error: AWAY },
	unreachable: { idle: OFF, connecting: AWAY, connected: LIVE, error: AWAY },

	refused: { idle: OFF, connecting: AWAY, connected: LIVE, error: AWAY },
	accepted: { idle: OFF, connecting: AGAIN, connected: LIVE, error: AWAY },
	intercepted: { idle: OFF, connecting: INTERCEPTED, connected: LIVE, error: INTERCEPTED },
	unauthorized: { idle: OFF, connecting: SIGNED_OUT, connected: LIVE, error: SIGNED_OUT },
	forbidden: { idle: OFF, connecting: FORBIDDEN, connected: LIVE, error: FORBIDDEN },
	limited: { idle: OFF, connecting: LIMITED, connected: LIVE, error: LIMITED },
	drained: { idle: OFF, connecting: DRAINED, connected: LIVE, error: DRAINED },
	unavailable: { idle: OFF, connecting: UNAVAILABLE, connected: LIVE, error: UNAVAILABLE },
	rejected: { idle: OFF, connecting: REJECTED, connected: LIVE, error: REJECTED },
	invalid: { idle: OFF, connecting: INVALID, connected: LIVE, error: INVALID },

	renewed: { idle: OFF, connecting: AGAIN, connected: LIVE, error: AWAY },
	denied: { idle: OFF, connecting: AGAIN, connected: PARTLY, error: AWAY },
	'signed-out': { idle: OFF, connecting: SIGNED_OUT, connected: LIVE, error: SIGNED_OUT }
};
