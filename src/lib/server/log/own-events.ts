import type { Queryable } from '../database/queryable.ts';
import { eventJson, persist, type HistoryPage } from './history.ts';
import { listed, readPageOf, type ListedRow } from './page.ts';
import { PageSize, Turn } from './page-size.ts';
import { readHead } from './read.ts';
import { TIMES, timeOf, type Times } from './topics.ts';

/** Limits of one page. */
const PAGE = { most: 500, bytes: 1_048_576 };

const turn = new Turn();

/**
 * Reads the private events of a user, ordered by topic, then by id, as the replay index has them. It reads up to the head of
 * the log at its begin, so it comes to an end although the user gets new events meanwhile.
 *
 * @param userId not empty: events for everyone have the empty audience
 * @returns pages of lines of JSON; each page is read when it is asked for
 */
export async function* readOwnEvents(on: Queryable, userId: string): AsyncGenerator<string> {
	const to = (await readHead(on)).toString();
	const size = new PageSize({ ...PAGE, turn });
	let after = { topic: '', id: '0' };
	for (;;) {
		let found: (ListedRow & Times)[] = [];
		const page = await persist(() =>
			readPageOf(on, size, async ({ rows, inline }) => {
				found = await on.query<ListedRow & Times>(
					`SELECT ${listed('$5')}, ${TIMES} FROM events
					WHERE coalesce(user_id, '') = $1 AND (topic, id) > ($2::text, $3::bigint) AND id <= $4::bigint
					ORDER BY topic, events.id LIMIT $6::int`,
					[userId, after.topic, after.id, to, inline, rows]
				);
				return found;
			})
		);
		if (page.rows.length > 0) yield page.rows.map((row) => `${eventJson(lineOf(row))}\n`).join('');
		if (!page.more || page.last === null) return;
		const id = page.last.toString();
		after = { topic: found.find((row) => row.id === id)!.topic, id };
	}
}

const lineOf = (row: ListedRow & Times): HistoryPage['events'][number] => ({
	id: row.id,
	topic: row.topic,
	json: row.data,
	createdAt: timeOf(row)
});
