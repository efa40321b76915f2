import type { Logger } from 'pino';
import type { Queryable } from '../database/client.ts';
import { isTransient } from '../database/transient.ts';
import { readHorizons } from '../log/horizons.ts';
import { readPage } from '../log/read.ts';
import type { PageReader } from './subscriber.ts';

/** Longest pause between two tries, in milliseconds. */
const LONGEST_PAUSE = 1000;

/**
 * Reads pages for subscribers. While the database is away it tries again for as long as the client is there: the client
 * stays connected and is served when the log is back.
 */
export function createPageReader(on: Queryable, logger: Logger): PageReader {
	return async ({ signal, ...query }) => {
		for (let attempt = 0; !signal.aborted; attempt++) {
			try {
				const events = await readPage(on, query);
				const topics = query.starts.map(({ topic }) => topic);
				// After the rows: a trim that ran meanwhile has moved the horizon first.
				return { events, horizons: await readHorizons(on, { userId: query.userId, topics }) };
			} catch (error) {
				if (!isTransient(error)) throw error;
				if (attempt === 0) logger.warn({ err: error }, 'history cannot be read; trying again');
				await pause(Math.min(LONGEST_PAUSE, 50 * 2 ** attempt), signal);
			}
		}
		return { events: [], horizons: new Map() };
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
