import type { Topic } from 'logline';
import type { Queryable } from 'logline/server';
import type { LiveQuery } from './live-values.server.ts';
import { MEASURES, nameOf, SUBJECTS, type NumberName } from './numbers.ts';

/** What each measure reads of the events that the viewer ($2) may see of a topic ($1). */
const COLUMNS: Record<(typeof MEASURES)[number], string> = {
	events: 'count(*)',
	yours: 'count(user_id)',
	newest: 'coalesce(max(id), 0)',
	octets: 'coalesce(sum(size), 0)'
};

/** Returns the twenty queries of the board. */
export function numbersOf(pool: Queryable): Record<NumberName, LiveQuery> {
	const queries = SUBJECTS.flatMap((topic) =>
		MEASURES.map((measure): [NumberName, LiveQuery] => [
			nameOf(topic, measure),
			{
				topics: [topic as Topic],
				read: async ({ id }) => {
					const [row] = await pool.query<{ value: string }>(
						`SELECT (${COLUMNS[measure]})::text AS value FROM events
						WHERE topic = $1 AND coalesce(user_id, '') = ANY (ARRAY['', $2])`,
						[topic, id]
					);
					return row!.value;
				}
			}
		])
	);
	return Object.fromEntries(queries) as Record<NumberName, LiveQuery>;
}
