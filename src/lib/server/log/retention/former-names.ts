import { Pattern, type TopicRegistry } from '../../../protocol/index.ts';
import type { Queryable } from '../../database/queryable.ts';

/**
 * Reads which patterns with the same form as a declared one other versions declare: their parameters have other names. The log
 * may have noted one of them for a topic, and retention is the same for all of them.
 *
 * @returns declared pattern → the others
 */
export async function readFormerNames(
	on: Queryable,
	registry: TopicRegistry
): Promise<Map<string, string[]>> {
	const rows = await on.query<{ pattern: string; regex: string }>(
		'SELECT pattern, topic_regex AS regex FROM topics WHERE scope_regex IS NOT NULL',
		[]
	);
	const declared = new Set(registry.keys());
	const former = new Map<string, string[]>();
	for (const text of declared) {
		if (!text.includes('[')) continue;
		const { topic } = Pattern.parse(text).regex;
		const others = rows.filter(({ regex, pattern }) => regex === topic && !declared.has(pattern));
		if (others.length > 0)
			former.set(
				text,
				others.map(({ pattern }) => pattern)
			);
	}
	return former;
}
