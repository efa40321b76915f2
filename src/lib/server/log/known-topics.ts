import { ANY, PARAM_FORM } from '../../protocol/index.ts';
import type { Queryable } from '../database/queryable.ts';

/**
 * Returns the topics of a wildcard that have had an event, in order of name. The form of their names counts, and not the
 * declaration that the log has noted for them: a declaration with the same form may have other names for its parameters.
 *
 * @param wildcard its first `*` is a whole part of it
 * @param options.after only topics behind this one
 */
export async function readKnownTopics(
	on: Queryable,
	wildcard: string,
	options: { most: number; after?: string | undefined; signal?: AbortSignal | undefined }
): Promise<string[]> {
	const { most, signal } = options;
	const parts = wildcard.split('/');
	const begin = parts.slice(0, parts.indexOf(ANY)).join('/');
	const form = new RegExp(
		`^${parts.map((part) => (part === ANY ? PARAM_FORM : part.replaceAll('.', '\\.'))).join('/')}$`
	);
	// As many slashes, so "%" is no more than one part. This regular expression would take Postgres twenty times as long.
	const like = parts.map((part) => (part === ANY ? '%' : part.replaceAll('_', '\\_'))).join('/');
	const topics: string[] = [];
	let after = options.after ?? `${begin}/`;
	while (topics.length < most) {
		const wanted = most - topics.length;
		const rows = await on.query<{ topic: string }>(
			// "0" is the character after "/".
			`SELECT topic FROM log_topics WHERE topic > $1 AND topic < $2 || '0' AND topic LIKE $3
				AND length(topic) - length(replace(topic, '/', '')) = $4::int ORDER BY topic LIMIT $5::int`,
			[after, begin, like, parts.length - 1, wanted],
			signal
		);
		topics.push(...rows.map(({ topic }) => topic).filter((topic) => form.test(topic)));
		if (rows.length < wanted) break;
		after = rows.at(-1)!.topic;
	}
	return topics;
}
