import { isReserved } from './frames.ts';

/**
 * The topics of an application, and what is declared for each. Shared by browser and server. Imports only from this folder.
 */

/**
 * Topic name → payload. Empty here: each feature adds its own topics by declaration merging, so that a new topic changes
 * only one folder. The payload type comes from the schema:
 *
 * ```ts
 * export const topics = defineTopics({
 * 	orders: { schema: v.object({ id: v.string(), total: v.number() }) }
 * });
 *
 * declare module 'logline' {
 * 	interface SSETopicsMap extends PayloadsOf<typeof topics> {}
 * }
 * ```
 *
 * The module name must be `logline`, the name used in imports: TypeScript merges through the re-export in `index.ts`.
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
	/** Id of the user, as in `user_id` of events. Not empty. */
	id: string;
	name?: string | undefined;
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

/**
 * Declares topics. It returns them as they are, with the type that {@link PayloadsOf} reads.
 *
 * ```ts
 * export const topics = defineTopics({ orders: { schema: v.object({ id: v.string() }), retention: { seconds: 86_400 } } });
 * ```
 */
export function defineTopics<const T extends Record<string, TopicDefinition>>(topics: T): T {
	return topics;
}

/** Topic name → payload, as the schemas of some declared topics produce it. */
export type PayloadsOf<T extends Record<string, TopicDefinition>> = {
	[K in keyof T]: T[K] extends {
		schema: { readonly '~standard': { readonly types?: infer Types } };
	}
		? NonNullable<Types> extends { readonly output: infer Data }
			? Data
			: unknown
		: unknown;
};
