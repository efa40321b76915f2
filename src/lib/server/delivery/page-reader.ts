import type { Logger } from '../work/logger.ts';
import { readPersistently } from '../database/persist.ts';
import type { Queryable } from '../database/queryable.ts';
import { Trouble } from '../work/trouble.ts';
import { readEdges } from '../log/horizons.ts';
import { EventRefused } from '../log/page.ts';
import { readPage } from '../log/read.ts';
import type { PageReader } from './subscription.ts';

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
		const read = async () => {
			const page = await readPage(on, query);
			const topics = query.starts.map(({ topic }) => topic);
			// Read the horizons after the rows. A concurrent trim moves the horizon before it deletes, so this read sees it.
			return { ...page, ...(await readEdges(on, { userId: query.userId, topics })) };
		};
		const passing = (error: unknown) => error instanceof EventRefused;
		return (await readPersistently(read, { signal, trouble, passing })) ?? NOTHING;
	};
}

const NOTHING = {
	events: [],
	rows: [],
	last: null,
	more: false,
	missing: false,
	horizons: new Map(),
	ended: new Map()
};
