import {
	ANY,
	isDurable,
	isWildcard,
	type TopicRegistry,
	type Viewer
} from '../../protocol/index.ts';
import { arrayLiteral } from '../database/array-literal.ts';
import type { Queryable } from '../database/queryable.ts';
import type { ExploredTopic } from '../log/explore/search.ts';
import { END, MAX_CARRIED, readCarried } from './carried.ts';

/** The topics that a viewer may see. */
export interface Visible {
	topics: readonly ExploredTopic[];
	/** Wanted names that are no topic that the viewer may see, or stand for none. */
	unknown: readonly string[];
	/** False: there are more than a thousand; the others are left out. */
	complete: boolean;
}

/**
 * Finds the topics that a viewer may see now. It asks for them as a stream does ({@link readCarried}), by their names and by
 * a wildcard for each pattern that depends on grants.
 *
 * @param wanted names, or texts with `*` for any characters; none: all
 */
export async function readVisible(
	parts: { topics: TopicRegistry; pool: Queryable },
	viewer: Viewer,
	wanted: readonly string[]
): Promise<Visible> {
	const named = wanted.filter((name) => !isWildcard(name));
	const globs = wanted.length === 0 ? [ANY] : wanted.filter(isWildcard);
	const names = new Set(named);
	const open: string[] = [];
	if (globs.length > 0) {
		for (const [text, definition] of parts.topics) {
			if (!isDurable(definition)) continue;
			if (!text.includes('[')) names.add(text);
			else if (definition.access === 'granted') names.add(text.replace(/\[[^\]]+\]/g, ANY));
			else open.push(text);
		}
	}
	const had = await readTopicsOf(parts.pool, open);
	for (const topic of had) names.add(topic);
	const isWanted = (topic: string) =>
		named.includes(topic) || globs.some((glob) => matches(glob, topic));
	// A named topic that nobody can be given must not take the place of another one.
	const asked = [...names].filter((name) => {
		if (isWildcard(name)) return true;
		const found = parts.topics.find(name);
		return found !== undefined && isDurable(found.definition) && isWanted(name);
	});
	const carried = await readCarried(parts, viewer, asked, END);
	const topics = [...carried.topics]
		.filter(([topic]) => isWanted(topic))
		.map(([topic, { floor }]) => ({ topic, floor }));
	const isThere = (name: string) => topics.some(({ topic }) => matches(name, topic));
	return {
		topics,
		unknown: wanted.filter((name) => !isThere(name)),
		complete:
			had.length <= MAX_CARRIED && carried.denied.every(({ reason }) => reason !== 'too_many')
	};
}

/** Topics of patterns that every viewer may see, or that a rule opens: no grant names them, but the log knows them. */
async function readTopicsOf(on: Queryable, patterns: readonly string[]): Promise<string[]> {
	if (patterns.length === 0) return [];
	const rows = await on.query<{ topic: string }>(
		'SELECT topic FROM log_topics WHERE pattern = ANY($1::text[]) ORDER BY topic LIMIT $2::int',
		[arrayLiteral(patterns), MAX_CARRIED + 1]
	);
	return rows.map(({ topic }) => topic);
}

/** @returns true when a text with `*` for any characters stands for the topic. It never goes back further than to the last `*`. */
export function matches(glob: string, topic: string): boolean {
	let g = 0;
	let t = 0;
	let star = -1;
	let from = 0;
	while (t < topic.length) {
		if (glob[g] === ANY) {
			star = g++;
			from = t;
		} else if (glob[g] === topic[t]) {
			g++;
			t++;
		} else if (star >= 0) {
			g = star + 1;
			t = ++from;
		} else return false;
	}
	while (glob[g] === ANY) g++;
	return g === glob.length;
}
