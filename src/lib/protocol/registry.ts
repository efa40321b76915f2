import { isReserved } from './frames.ts';
import { Pattern, type Params } from './patterns.ts';
import { checkDurability } from './signals.ts';
import type { TopicDefinition } from './topics.ts';

/** What is declared for a topic. */
export interface FoundTopic {
	/** Name or pattern, as it was declared. */
	pattern: Pattern;
	definition: TopicDefinition;
	params: Params;
}

/** A declaration, and where it is written. */
interface Declared {
	pattern: Pattern;
	definition: TopicDefinition;
	source: string;
}

/** The declared topics of an application. */
export class TopicRegistry implements Iterable<[string, TopicDefinition]> {
	/** Plain names. */
	readonly #names = new Map<string, Declared>();
	/** First segment → the patterns that begin with it, so that finding a topic does not try them all. */
	readonly #patterns = new Map<string, Declared[]>();

	/** @throws Error when a name is not valid, or when a topic could be of two declarations */
	constructor(declarations: Iterable<readonly [string, TopicDefinition, source: string]>) {
		for (const [text, definition, source] of declarations) {
			if (isReserved(text)) throw new Error(`"${text}" is one of the protocol's own names`);
			checkDurability(text, definition);
			if (definition.presence && !text.includes('[')) {
				throw new Error(`"${text}" has \`presence\`, but no scope: it has no parameter`);
			}
			this.#add({ pattern: Pattern.parse(text), definition, source });
		}
	}

	#add(added: Declared): void {
		const { text, params } = added.pattern;
		const [first = ''] = text.split('/', 1);
		const beside = this.#patterns.get(first) ?? [];
		for (const other of [...beside, ...this.#names.values()]) {
			if (other.pattern.text === text) {
				throw new Error(`topic "${text}" is declared twice${inFiles(other, added)}`);
			}
			if (other.pattern.overlaps(added.pattern)) {
				throw new Error(
					`A topic could be of "${other.pattern.text}" and of "${text}"${inFiles(other, added)}. Rename one of them.`
				);
			}
		}
		if (params.length === 0) this.#names.set(text, added);
		else this.#patterns.set(first, [...beside, added]);
	}

	/** @returns what is declared for a topic; undefined: nothing, or the name is the log's own */
	find(topic: string): FoundTopic | undefined {
		return this.#find(topic, false);
	}

	/** The same for a wildcard: its parameters may also be `*`. */
	findWildcard(name: string): FoundTopic | undefined {
		return this.#find(name, true);
	}

	#find(topic: string, wild: boolean): FoundTopic | undefined {
		const named = this.#names.get(topic);
		if (named) return { ...named, params: {} };
		const slash = topic.indexOf('/');
		if (slash < 0) return undefined;
		for (const declared of this.#patterns.get(topic.slice(0, slash)) ?? []) {
			const params = declared.pattern.match(topic, wild);
			if (params) return { ...declared, params };
		}
		return undefined;
	}

	/** Returns the definition of a topic. */
	get(topic: string): TopicDefinition | undefined {
		return this.find(topic)?.definition;
	}

	/** @returns true when a topic of a declared pattern can lie in the scope */
	hasScope(scope: string): boolean {
		const [first = ''] = scope.split('/', 1);
		return (this.#patterns.get(first) ?? []).some(({ pattern }) => pattern.isScope(scope));
	}

	/** Finds the pattern in whose scope clients may be present. */
	findPresence(scope: string): Pick<FoundTopic, 'pattern' | 'definition'> | undefined {
		return this.#patterns
			.get(scope.split('/', 1)[0]!)
			?.find(({ pattern, definition }) => definition.presence && pattern.isScope(scope));
	}

	/** The declared names and patterns. */
	keys(): string[] {
		return [...this].map(([text]) => text);
	}

	*[Symbol.iterator](): Iterator<[string, TopicDefinition]> {
		for (const [text, { definition }] of this.#names) yield [text, definition];
		for (const declared of this.#patterns.values()) {
			for (const { pattern, definition } of declared) yield [pattern.text, definition];
		}
	}
}

const inFiles = (a: Declared, b: Declared) =>
	a.source === '' && b.source === '' ? '' : ` (${a.source} and ${b.source})`;

/** Topics of several features: a list, or file name → topics, as `import.meta.glob` returns them. */
export type TopicParts =
	| Iterable<Record<string, TopicDefinition>>
	| Readonly<Record<string, Record<string, TopicDefinition>>>;

/**
 * Combines the topics of several features.
 *
 * @param parts with file names, an error names the files
 * @throws Error when a name is not valid, or when a topic could be of two declarations
 */
export function createRegistry(parts: TopicParts): TopicRegistry {
	const sources: Iterable<[string, Record<string, TopicDefinition>]> =
		Symbol.iterator in parts
			? Array.from(parts as Iterable<Record<string, TopicDefinition>>, (part) => ['', part])
			: Object.entries(parts);
	const declarations: [string, TopicDefinition, string][] = [];
	for (const [source, part] of sources) {
		for (const [name, definition] of Object.entries(part))
			declarations.push([name, definition, source]);
	}
	return new TopicRegistry(declarations);
}
