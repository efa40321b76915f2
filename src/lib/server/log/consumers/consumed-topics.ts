import {
	ANY,
	isWildcard,
	LoglineError,
	type FoundTopic,
	type Params,
	type TopicRegistry
} from '../../../protocol/index.ts';

/** Topics of one consumer, at most. Each event is compared with all of them. */
const MOST = 100;

/** The topics and wildcards that a consumer reads. */
export class ConsumedTopics {
	/** As they are stored: a pattern as its wildcard, `rooms/[room]/messages` as `rooms/*\/messages`. Sorted. */
	readonly names: readonly string[];
	readonly #plain = new Map<string, Params>();
	readonly #wild: { name: string; pattern: FoundTopic['pattern'] }[] = [];

	/** @throws LoglineError `invalid_topics`: none, too many, not declared, or an event could be of two of them */
	constructor(registry: TopicRegistry, asked: readonly string[]) {
		const names = asked.map((name) => name.replace(/\[[^\]/]*\]/g, ANY)).sort();
		if (names.length === 0 || names.length > MOST) {
			throw invalid(`A consumer reads 1 to ${MOST} topics, not ${names.length}.`);
		}
		this.names = names;
		for (const [i, name] of names.entries()) {
			const found = isWildcard(name) ? registry.findWildcard(name) : registry.find(name);
			if (!found) {
				const declared = registry.keys().join(', ');
				throw invalid(`There is no topic "${asked[i]!.slice(0, 100)}". Topics: ${declared}.`);
			}
			const other = names.find((before, k) => k < i && overlap(before, name));
			if (other !== undefined) {
				throw invalid(`An event could be of "${other}" and of "${name}". Leave one of them out.`);
			}
			if (isWildcard(name)) this.#wild.push({ name, pattern: found.pattern });
			else this.#plain.set(name, found.params);
		}
	}

	/** @returns the parameters of a topic that the consumer reads; null: it does not read it */
	find(topic: string): Params | null {
		const plain = this.#plain.get(topic);
		if (plain) return plain;
		for (const { name, pattern } of this.#wild) {
			const params = pattern.match(topic);
			if (params && pattern.fits(topic, name)) return params;
		}
		return null;
	}

	/** @returns the stored name of which a topic is; undefined: the consumer does not read it */
	nameOf(topic: string): string | undefined {
		if (this.#plain.has(topic)) return topic;
		return this.#wild.find(({ name, pattern }) => pattern.match(topic) && pattern.fits(topic, name))
			?.name;
	}
}

function overlap(a: string, b: string): boolean {
	const others = b.split('/');
	const parts = a.split('/');
	return (
		parts.length === others.length &&
		parts.every((part, i) => part === others[i] || part === ANY || others[i] === ANY)
	);
}

const invalid = (message: string) => new LoglineError('invalid_topics', message);
