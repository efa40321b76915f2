import { isReserved } from './frames.ts';

/**
 * The topics of an application, and what is declared for each. Shared by browser and server. Imports only from this folder.
 */

/**
 * Topic name → payload. Empty here: each feature adds its own topics by declaration merging, so that a new topic changes
 * only one folder:
 *
 * ```ts
 * declare module './index.ts' {
 * 	interface SSETopicsMap {
 * 		orders: { id: string; total: number };
 * 	}
 * }
 * ```
 *
 * The module name must be `$lib/protocol`, the name used in imports: TypeScript merges through the re-export in `index.ts`.
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- features merge their topics into it
export interface SSETopicsMap {}

/** Name of a declared topic. */
export type Topic = Extract<keyof SSETopicsMap, string>;

/**
 * The part of the Standard Schema interface (https://standardschema.dev) that we use. Valibot, Zod and ArkType implement it.
 */
export interface PayloadSchema<TData> {
	readonly '~standard': {
		readonly version: 1;
		readonly vendor: string;
		readonly validate: (value: unknown) => PayloadResult<TData> | Promise<PayloadResult<TData>>;
		readonly types?: { readonly input: unknown; readonly output: TData } | undefined;
	};
}

type PayloadResult<TData> =
	| { readonly value: TData; readonly issues?: undefined }
	| { readonly issues: ReadonlyArray<{ readonly message: string }> };

/** The user who asks. The access rule of a topic may use these fields. */
export interface Viewer {
	userId: string;
	username: string;
}

/** What is declared for a topic. */
export interface TopicDefinition<TData = unknown> {
	/** Checks a payload before the event is accepted. */
	schema: PayloadSchema<TData>;
	/** Who may subscribe. Default: every signed-in user. Must be a pure function. */
	maySubscribe?: (viewer: Viewer) => boolean;
	/** How much history a client gets when the topic is new to it. Default: all retained events. */
	replay?: { last: number };
	/** How long events are kept. Default: for ever. */
	retention?: Retention;
}

/**
 * Keep events for a time (seconds), or the newest n events of each user (events for everyone count as one user's events).
 */
export type Retention = { seconds: number } | { lastPerUser: number };

/** Topic name → definition, as the server holds it. */
export type TopicRegistry = ReadonlyMap<string, TopicDefinition>;

/** A topic name has letters, digits and `._/-`, and at most 100 characters. Names that start with `$` are the log's own. */
export const TOPIC_NAME = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$/;

/**
 * Combines the topics of several features.
 *
 * @throws Error when two features declare the same topic, or when a name is not a valid topic name
 */
export function createRegistry(parts: Iterable<Record<string, TopicDefinition>>): TopicRegistry {
	const registry = new Map<string, TopicDefinition>();
	for (const part of parts) {
		for (const [name, definition] of Object.entries(part)) {
			if (!TOPIC_NAME.test(name) || isReserved(name)) {
				throw new Error(`"${name}" is not a topic name, or one of the protocol's own`);
			}
			if (registry.has(name)) throw new Error(`topic "${name}" is declared twice`);
			registry.set(name, definition);
		}
	}
	return registry;
}

/** Checks the topics of a feature against {@link SSETopicsMap}: each schema must produce the declared payload type. */
export function defineTopics<K extends Topic>(topics: {
	[P in K]: TopicDefinition<SSETopicsMap[P]>;
}): Record<K, TopicDefinition> {
	return topics;
}
