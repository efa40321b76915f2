import {
	ANY,
	isDurable,
	isWildcard,
	maySubscribe,
	type TopicRegistry,
	type Viewer
} from '../../protocol/index.ts';
import type { Queryable } from '../database/queryable.ts';
import type { ExploredTopic } from '../log/explore/search.ts';
import { readKnownTopics } from '../log/known-topics.ts';
import { END, MAX_CARRIED, readCarried } from './carried.ts';

/** The topics that a viewer may see. */
export interface Visible {
	topics: readonly ExploredTopic[];
	/** Wanted names that are no topic that the viewer may see, or stand for none. */
	unknown: readonly string[];
	/** False: there are more than a thousand, or a pattern has more than 50,000 topics; the others are left out. */
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
	/** Wildcards of the patterns that do not depend on grants. */
	const open: string[] = [];
	if (globs.length > 0) {
		for (const [text, definition] of parts.topics) {
			if (!isDurable(definition)) continue;
			if (!text.includes('[')) names.add(text);
			else {
				const wildcard = text.replace(/\[[^\]]+\]/g, ANY);
				if (definition.access === 'granted') names.add(wildcard);
				else open.push(wildcard);
			}
		}
	}
	const isWanted = (topic: string) =>
		named.includes(topic) || globs.some((glob) => matches(glob, topic));
	const isVisible = (topic: string) => {
		const found = parts.topics.find(topic);
		return isWanted(topic) && found !== undefined && maySubscribe(found, topic, viewer, NO_GRANTS);
	};
	let complete = true;
	for (const wildcard of open) {
		const found = await readTopicsOf(parts.pool, wildcard, isVisible);
		for (const topic of found.topics) names.add(topic);
		complete &&= found.complete;
	}
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
		complete: complete && carried.denied.every(({ reason }) => reason !== 'too_many')
	};
}

/** Of the patterns that are looked through, none depends on grants. */
const NO_GRANTS = new Set<string>();

/** Topics that one statement reads, and statements for one pattern. */
const PAGE = 1000;
const PAGES = 50;

/**
 * Reads topics of a pattern that every viewer may see, or that a rule opens: no grant names them, but the log knows them. A
 * rule may open the last of very many, so it is asked for each before any is left out.
 *
 * @returns at most one more than a stream carries; `complete` is false when the pattern has more topics than were looked at
 */
async function readTopicsOf(
	on: Queryable,
	wildcard: string,
	isVisible: (topic: string) => boolean
): Promise<{ topics: string[]; complete: boolean }> {
	const topics: string[] = [];
	let last: string | undefined;
	for (let page = 0; page < PAGES; page++) {
		const found = await readKnownTopics(on, wildcard, { most: PAGE, after: last });
		for (const topic of found) {
			if (!isVisible(topic)) continue;
			topics.push(topic);
			if (topics.length > MAX_CARRIED) return { topics, complete: false };
		}
		if (found.length < PAGE) return { topics, complete: true };
		last = found.at(-1);
	}
	return { topics, complete: false };
}

/** @returns true when a text with `*` for any characters stands for the topic. It never goes back further than to the last `*`. */
function matches(glob: string, topic: string): boolean {
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
