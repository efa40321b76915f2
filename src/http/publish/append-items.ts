import { LoglineError } from 'logline';
import type { Appended, NewEvent } from 'logline/server';
import { findUserIDs } from '$src/accounts/user-ids.ts';
import type { App } from '$src/app/app.ts';
import { processMetrics } from '../metrics/metrics.ts';
import { parseItem, type PublishedItem } from './item.ts';

/** What publishing needs of the application. */
export type Publisher = Pick<App, 'config' | 'logline'> & {
	database: Pick<App['database'], 'pool'>;
};

/**
 * Appends the events of one request, or of one piece of a feed: all or none. A stop of the server waits for it.
 *
 * @param values as they were parsed from JSON, at most 1000
 * @throws LoglineError `invalid_body`, `unknown_user`, and all of `Logline.append`; with the `index` of the item when it is about
 *   one; `draining`
 */
export async function appendItems(
	{ database, logline }: Publisher,
	values: readonly unknown[]
): Promise<Appended[]> {
	const end = logline.begin();
	try {
		const items = values.map((value, index) => {
			try {
				return parseItem(value);
			} catch (error) {
				throw at(index, error);
			}
		});
		const appended = await logline.append(await addressed(database.pool, items));
		processMetrics().countPublished(appended);
		return appended;
	} finally {
		end();
	}
}

/** Replaces the names of users by their ids, which the library knows users by. */
async function addressed(
	pool: Publisher['database']['pool'],
	items: readonly PublishedItem[]
): Promise<NewEvent[]> {
	const names = [...new Set(items.flatMap(({ username }) => username ?? []))];
	if (names.length === 0) return [...items];
	const ids = await findUserIDs(pool, names);
	const idOf = new Map(names.map((name, i) => [name, ids[i]]));
	return items.map(({ username, ...event }, index) => {
		if (username === undefined) return event;
		const userId = idOf.get(username);
		if (userId !== undefined) return { ...event, userId };
		throw at(index, new LoglineError('unknown_user', `There is no user "${username}".`));
	});
}

/** Says which item an error is about. */
export function at(index: number, error: unknown): unknown {
	if (error instanceof LoglineError) error.index = index;
	return error;
}
