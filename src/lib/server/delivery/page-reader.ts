import type { Logger } from '../work/logger.ts';
import type { Queryable } from '../database/queryable.ts';
import { mayPass } from '../database/transient.ts';
import { Trouble } from '../work/trouble.ts';
import { readHorizons } from '../log/horizons.ts';
import { EventRefused } from '../log/page.ts';
import { readPage } from '../log/read.ts';
import type { PageReader } from './subscription.ts';

/** Longest pause between two attempts, in milliseconds. */
const LONGEST_PAUSE = 1000;

/**
 * Creates the reader that gives subscribers their pages of history.
 *
 * While the database is away, it tries again for as long as the client is connected: the client stays connected and gets its
 * events when the database is back. When Postgres refuses to return the data of an event, {@link readPage} asks for smaller
 * pages, then for that event alone, and after a few attempts returns it without data. So one bad event does not stop the
 * replay.
 */
export function createPageReader(history: Queryable, logger: Logger): PageReader {
	// Shared by all readers: an outage is logged once, not once for each of ten thousand readers.
	const trouble = new Trouble(logger, {
		lasts: 'history cannot be read; trying again',
		over: 'history is read again'
	});
	return async ({ signal, ...query }) => {
		// When the client disconnects, its query leaves the queue for a connection.
		const on: Queryable = {
			query: (text, parameters) => history.query(text, parameters, signal)
		};
		for (let attempt = 0; !signal.aborted; attempt++) {
			try {
				const page = await readPage(on, query);
				const topics = query.starts.map(({ topic }) => topic);
				// Read the horizons after the rows. A concurrent trim moves the horizon before it deletes, so this read sees
				// it.
				const horizons = await readHorizons(on, { userId: query.userId, topics });
				trouble.over();
				return { ...page, horizons };
			} catch (error) {
				if (!mayPass(error) && !(error instanceof EventRefused)) throw error;
				if (!signal.aborted) trouble.met(error);
				await pause(Math.min(LONGEST_PAUSE, 50 * 2 ** attempt), signal);
			}
		}
		return { events: [], rows: [], last: null, more: false, missing: false, horizons: new Map() };
	};
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
	return new Promise((resolve) => {
		const done = () => {
			clearTimeout(timer);
			signal.removeEventListener('abort', done);
			resolve();
		};
		const timer = setTimeout(done, ms);
		signal.addEventListener('abort', done, { once: true });
	});
}
