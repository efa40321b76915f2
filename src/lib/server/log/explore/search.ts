import { arrayLiteral } from '../../database/array-literal.ts';
import { END, topicRange } from '../topic-range.ts';
import { conditionsOf, type ExploreFilter } from './filter.ts';

/** A topic that the viewer may see. */
export interface ExploredTopic {
	topic: string;
	/** Only events after this id may be seen. */
	floor: bigint;
}

/** What a search reads. */
export interface Search {
	userId: string;
	topics: readonly ExploredTopic[];
	filter: ExploreFilter;
	/** Only events before this id. null: from the newest. */
	before: bigint | null;
	/** The head of the log, read before the topics: what was appended after a grant has ended is not found. */
	head: bigint;
}

/**
 * Returns the statement that reads the newest events of a search, or the oldest. A range of the replay index is read for each topic and
 * audience, as for a stream. So it can find nothing that a stream would not give.
 *
 * @param selected SQL: what to select from `found`, a relation with the columns
 * @param columns of `events`, with `id`
 */
export function searchStatement(
	search: Search,
	asked: { selected: string; columns: string; limit: number; oldestFirst?: boolean }
): [text: string, parameters: (string | number | null)[]] {
	const { topics, filter } = search;
	const { selected, columns, limit, oldestFirst = false } = asked;
	const parameters: (string | number | null)[] = [
		arrayLiteral(topics.map(({ topic }) => topic)),
		`{${topics.map(({ floor }) => floor).join(',')}}`,
		arrayLiteral(audiencesOf(search)),
		(filter.after ?? 0n).toString(),
		(search.head < lastOf(search) ? search.head : lastOf(search)).toString(),
		limit
	];
	const where = conditionsOf(
		filter,
		(value, type) => `$${parameters.push(value)}::text${type === 'text' ? '' : `::${type}`}`
	);
	const range = topicRange({
		columns,
		audience: 'of.audience',
		topic: 'asked.topic',
		after: 'greatest(asked.floor, $4::bigint)',
		to: '$5',
		limit: '$6',
		newestFirst: !oldestFirst,
		where
	});
	const direction = oldestFirst ? 'ASC' : 'DESC';
	return [
		`SELECT ${selected} FROM (
			SELECT merged.* FROM unnest($1::text[], $2::bigint[]) AS asked(topic, floor)
				CROSS JOIN unnest($3::text[]) AS of(audience)
				CROSS JOIN LATERAL ${range} AS merged
			ORDER BY merged.id ${direction} LIMIT $6::int
		) AS found ORDER BY found.id ${direction}`,
		parameters
	];
}

/** The audiences of a search, as in the replay index. */
function audiencesOf({ userId, filter: { audience = 'all' } }: Search): string[] {
	const everyone = audience === 'mine' ? [] : [''];
	return audience === 'everyone' ? everyone : [...everyone, userId];
}

/** The greatest id of a search. */
function lastOf({ before, filter: { to } }: Search): bigint {
	const last = before === null ? BigInt(END) : before - 1n;
	return to !== undefined && to < last ? to : last;
}

/**
 * Returns a search as SQL that a person can read and run: it finds the same events. It names the topics that the viewer may
 * see now.
 */
export function searchAsSql(search: Search, limit: number, table = 'events'): string {
	const { userId, topics, filter } = search;
	const { audience = 'all', after = 0n } = filter;
	const literal = (text: string) => `'${text.replaceAll("'", "''")}'`;
	const last = lastOf(search);
	const plain = topics.filter(({ floor }) => floor <= after).map(({ topic }) => literal(topic));
	const seen = [
		...(plain.length > 0 ? [`topic IN (${plain.join(', ')})`] : []),
		...topics
			.filter(({ floor }) => floor > after)
			.map(({ topic, floor }) => `(topic = ${literal(topic)} AND id > ${floor})`)
	];
	const audiences = {
		all: `(user_id IS NULL OR user_id = ${literal(userId)})`,
		mine: `user_id = ${literal(userId)}`,
		everyone: 'user_id IS NULL'
	};
	const conditions = [
		seen.length > 1 ? `(${seen.join(' OR ')})` : (seen[0] ?? 'false'),
		audiences[audience],
		...(after > 0n ? [`id > ${after}`] : []),
		...(last < BigInt(END) ? [`id <= ${last}`] : []),
		...conditionsOf(
			filter,
			(value, type) => `${literal(value)}${type === 'text' ? '' : `::${type}`}`
		)
	];
	return `SELECT id, created_at, topic, user_id, data FROM ${table}
WHERE ${conditions.join('\n  AND ')}
ORDER BY id DESC LIMIT ${limit};`;
}
