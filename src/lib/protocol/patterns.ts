// Patterns of topics. A pattern declares many topics at once: `rooms/[room]/messages` declares `rooms/42/messages` and every
// other topic of this form. A wildcard such as `rooms/*/messages` names those that a viewer was granted.

/** The topics of a pattern, as a type: `rooms/[room]/messages` → `rooms/${string}/messages`. A plain name stays as it is. */
export type NameOf<P extends string> = P extends `${infer Before}[${string}]${infer After}`
	? `${Before}${string}${NameOf<After>}`
	: P;

/** The parameters of a pattern: `rooms/[room]/messages` → `{ room: string }`. */
export type ParamsOf<P extends string> = P extends `${string}[${infer Name}]${infer After}`
	? { [K in Name]: string } & ParamsOf<After>
	: unknown;

/** The declared name or pattern of a topic or wildcard: `rooms/42/messages` → `rooms/[room]/messages`. */
export type PatternOf<Name extends string, TTopics> = Name extends keyof TTopics
	? Name
	: { [K in Extract<keyof TTopics, string>]: Name extends NameOf<K> ? K : never }[Extract<
			keyof TTopics,
			string
		>];

/** Payload of a topic or wildcard. */
export type PayloadOf<Name extends string, TTopics> = TTopics[PatternOf<Name, TTopics> &
	keyof TTopics];

/** Parameters of a topic. */
export type Params = Readonly<Record<string, string>>;

/** Longest value of a parameter, in characters. */
export const MAX_PARAM_LENGTH = 64;

/** Regular expression of a value of a parameter: it cannot be a path (`..`), a wildcard or a part of one. */
export const PARAM_FORM = `[A-Za-z0-9_-]{1,${MAX_PARAM_LENGTH}}`;
const PARAM_VALUE = new RegExp(`^${PARAM_FORM}$`);
const PARAM = /^\[([A-Za-z][A-Za-z0-9_]*)\]$/;
/** What stands between two slashes. */
const SEGMENT = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** The text of a wildcard's parameter. */
export const ANY = '*';

/** @returns true for a value that a parameter can have */
export const isParamValue = (text: string): boolean => PARAM_VALUE.test(text);

/** @returns true when a requested name is a wildcard */
export const isWildcard = (name: string): boolean => name.includes(ANY);

/** A segment of a pattern: fixed text, or a parameter. */
type Segment = { readonly text: string } | { readonly param: string };

/** A parsed pattern. A plain name is a pattern without parameters. */
export class Pattern {
	readonly #segments: readonly Segment[];

	private constructor(
		/** As it was declared. */
		readonly text: string,
		segments: readonly Segment[]
	) {
		this.#segments = segments;
	}

	/**
	 * @throws Error when the text is not a pattern: a parameter is a whole segment, `[name]`, and its name is used once
	 */
	static parse(text: string): Pattern {
		const names = new Set<string>();
		const segments = text.split('/').map((part): Segment => {
			const param = PARAM.exec(part)?.[1];
			if (param === undefined) {
				if (!SEGMENT.test(part)) throw new Error(`"${text}" is not a topic name: see "${part}"`);
				return { text: part };
			}
			if (names.has(param)) throw new Error(`"${text}" has two parameters "${param}"`);
			names.add(param);
			return { param };
		});
		if (text.length > 100) throw new Error(`"${text}" is longer than 100 characters`);
		if ('param' in segments[0]!) throw new Error(`"${text}" must begin with a name`);
		return new Pattern(text, segments);
	}

	/** Regular expressions of its topics and of their scopes, in a form that JavaScript and Postgres understand alike. */
	get regex(): { topic: string; scope: string | null } {
		const parts = this.#segments.map((segment) =>
			'param' in segment ? PARAM_FORM : segment.text.replaceAll('.', '\\.')
		);
		const scopes = this.#beginnings(parts);
		return {
			topic: `^${parts.join('/')}$`,
			scope: scopes.length === 0 ? null : `^(${scopes.join('|')})$`
		};
	}

	/** Names of the parameters, in order. */
	get params(): string[] {
		return this.#segments.flatMap((segment) => ('param' in segment ? [segment.param] : []));
	}

	/**
	 * @param wild true: a parameter may also be `*`
	 * @returns the parameters of a topic of this pattern; null when it is of another pattern
	 */
	match(topic: string, wild = false): Params | null {
		const parts = topic.split('/');
		if (parts.length !== this.#segments.length) return null;
		const params: Record<string, string> = {};
		for (const [i, segment] of this.#segments.entries()) {
			const part = parts[i]!;
			if ('text' in segment) {
				if (segment.text !== part) return null;
			} else if (PARAM_VALUE.test(part) || (wild && part === ANY)) params[segment.param] = part;
			else return null;
		}
		return params;
	}

	/**
	 * The part of a wildcard that lies in a scope. For the wildcard `orgs/+/projects/+/log` (+ stands for a star) and the scope
	 * `orgs/7/projects/3`, this is the topic `orgs/7/projects/3/log`. For the scope `orgs/7`, it is the wildcard
	 * `orgs/7/projects/+/log`.
	 *
	 * @returns null when no topic of the wildcard lies in the scope
	 */
	topicOf(scope: string, wildcard: string): string | null {
		const given = scope.split('/');
		const parts = wildcard.split('/');
		if (given.length > parts.length) return null;
		for (const [i, part] of given.entries()) {
			const isParam = 'param' in this.#segments[i]!;
			if (isParam && parts[i] === ANY ? !PARAM_VALUE.test(part) : parts[i] !== part) return null;
		}
		// A scope ends with a parameter.
		if (!('param' in this.#segments[given.length - 1]!)) return null;
		return [...given, ...parts.slice(given.length)].join('/');
	}

	/** @returns true when a topic of this pattern is one of a wildcard's */
	fits(topic: string, wildcard: string): boolean {
		const parts = topic.split('/');
		return wildcard.split('/').every((part, i) => part === ANY || part === parts[i]);
	}

	/** @returns true when a topic could be of both patterns */
	overlaps(other: Pattern): boolean {
		const [mine, others] = [this.#segments, other.#segments];
		return (
			mine.length === others.length &&
			mine.every((segment, i) => {
				const opposite = others[i]!;
				if ('param' in segment) return 'param' in opposite || PARAM_VALUE.test(opposite.text);
				return 'param' in opposite
					? PARAM_VALUE.test(segment.text)
					: segment.text === opposite.text;
			})
		);
	}

	/**
	 * The scopes of a topic: its beginnings that end with the value of a parameter, outermost first. A grant for one of them
	 * opens the topic. `orgs/7/projects/3/log` of `orgs/[org]/projects/[project]/log` → `orgs/7`, `orgs/7/projects/3`.
	 */
	scopesOf(topic: string): string[] {
		return this.#beginnings(topic.split('/'));
	}

	/** @returns true when the text can be a scope of a topic of this pattern */
	isScope(text: string): boolean {
		const parts = text.split('/');
		const last = this.#segments[parts.length - 1];
		return (
			last !== undefined &&
			'param' in last &&
			parts.every((part, i) => {
				const segment = this.#segments[i]!;
				return 'param' in segment ? PARAM_VALUE.test(part) : segment.text === part;
			})
		);
	}

	/** @returns the parameters of a scope that has all of the pattern's; null: some are missing */
	paramsOfScope(scope: string): Params | null {
		const values = scope.split('/');
		const params: Record<string, string> = {};
		for (const [i, segment] of this.#segments.entries()) {
			if ('text' in segment) continue;
			const value = values[i];
			if (value === undefined) return null;
			params[segment.param] = value;
		}
		return params;
	}

	#beginnings(parts: readonly string[]): string[] {
		return this.#segments.flatMap((segment, i) =>
			'param' in segment ? [parts.slice(0, i + 1).join('/')] : []
		);
	}
}
