/**
 * The newest events that anybody may see, without an account. See docs/decisions/040-public-lines.md.
 */
import { randomUUID } from 'node:crypto';
import { compareIds, LoglineError, type Viewer } from 'logline';
import { sharedRead, type Logline } from 'logline/server';
import type { App } from '$src/app/app.ts';
import { noteLook } from '$src/app/audience.ts';
import { LINES, toPublicLine, type PublicLine } from './public-line.ts';

/** Topics of the demo that have no private events worth reading, and whose events for everyone are harmless. */
const TOPICS = ['notifications', 'logs'];

/** How long the lines stay as they are, in milliseconds: Postgres is asked once in this time, by however many visitors. */
const FRESH_MS = 1000;

/** No user has this id, so only events for everyone are seen. */
const NOBODY: Viewer = { id: randomUUID() };

/** Per log, not one variable: in development, an edit starts a second application before the first has ended. */
const readers = new WeakMap<Logline, () => Promise<readonly PublicLine[]>>();

/**
 * Returns the newest public lines of this process, newest first. They are read at most once a second, whatever asks.
 *
 * @throws LoglineError `not_public` (404) when the demo is off: then events for everyone are for everyone with an account;
 *   whatever a read throws
 */
export function readPublicLines({
	config,
	logline
}: Pick<App, 'config' | 'logline'>): Promise<readonly PublicLine[]> {
	if (!config.demo) {
		throw new LoglineError('not_public', 'The log of this server is for users only. Sign in.', 404);
	}
	// The sources of the demo emit only while somebody looks.
	noteLook(logline);
	let read = readers.get(logline);
	if (!read) readers.set(logline, (read = createReader(logline)));
	return read();
}

function createReader(logline: Pick<Logline, 'history'>): () => Promise<readonly PublicLine[]> {
	// Shared: the read belongs to no visitor, and does not end with the one who happened to begin it.
	const ask = sharedRead<null, readonly PublicLine[]>(async (keys) => {
		const pages = await Promise.all(
			TOPICS.map((topic) => logline.history(NOBODY, topic, { limit: LINES }))
		);
		const lines = pages
			.flatMap(({ events }) => events.map((event) => toPublicLine(event, event.json)))
			.sort((a, b) => compareIds(b.id, a.id))
			.slice(0, LINES);
		return keys.map(() => lines);
	});
	let askedAt = -Infinity;
	let answer: Promise<readonly PublicLine[]>;
	return () => {
		const now = performance.now();
		if (now - askedAt >= FRESH_MS) {
			askedAt = now;
			// A failure is kept for as long: while Postgres is away, it is asked once a second, too.
			answer = ask(null);
		}
		return answer;
	};
}
