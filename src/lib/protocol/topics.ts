import type { NameOf, Params } from './patterns.ts';

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

/** Name of a topic: a declared name, or one of a declared pattern, such as `rooms/42/messages`. */
export type Topic = TopicOf<SSETopicsMap>;

/** The same for another map of topics. */
export type TopicOf<TTopics> = NameOf<Extract<keyof TTopics, string>>;

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
	| { readonly issues: ReadonlyArray<PayloadIssue> };

/** What a schema says about data that does not fit. */
export interface PayloadIssue {
	readonly message: string;
	/** Where in the data. */
	readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined;
}

/** The user who asks. The access rule of a topic may use these fields. */
export interface Viewer {
	/** Id of the user, as in `user_id` of events. Not empty. */
	id: string;
	/** Under which others see the user, in presence and signals: its first 200 octets. Absent: the id. */
	name?: string | undefined;
}

/**
 * Who may subscribe to a topic.
 * - `'signed-in'`: every signed-in user.
 * - `'granted'`: users with a grant for one of the topic's scopes. The scopes of `rooms/42/messages` of the pattern
 *   `rooms/[room]/messages` are its beginnings that end with a parameter: `rooms/42`.
 * - A pure function of the viewer and of the topic's parameters. It is asked when a stream or a page begins, so it must
 *   depend only on what stays the same during a session. For what changes, use grants.
 */
export type Access = 'signed-in' | 'granted' | ((viewer: Viewer, params: Params) => boolean);

/** A field of the data, or a function of the data. (Written as a method, so that declarations of any data fit.) */
export type CoalesceBy<TData> = string | { by(data: TData): string }['by'];

/** What is declared for a topic, or for every topic of a pattern. */
export interface TopicDefinition<TData = unknown> {
	/** Checks a payload before the event is accepted. */
	schema: PayloadSchema<TData>;
	/**
	 * Turns data as an earlier version stored it into today's shape. It gets the data of every event, also of new ones, and
	 * must return what the schema accepts. `logline.read`, `logline.watch` and consumers call it; a browser calls the one that its `SSEClient`
	 * was given. The log itself is never rewritten. Pure: the browser may import it. Default: data is passed on as stored.
	 */
	upcast?: (data: unknown) => TData;
	/** Default: `'signed-in'`. */
	access?: Access;
	/**
	 * With `access: 'granted'`: which part of the history a viewer sees. `'since-granted'`: only events after the grant.
	 * Default: `'all'`.
	 */
	history?: 'all' | 'since-granted';
	/** How much history a client gets when the topic is new to it. Default: all retained events. */
	replay?: { last: number };
	/** How long events are kept, in each topic. Default: for ever. */
	retention?: Retention;
	/**
	 * False: a signal, such as "is typing". It is passed on at once to the streams that are open, and is not kept: no row, no
	 * id, at most once. `emit` refuses it; `logline.signal` sends it. Default: true.
	 */
	durable?: boolean;
	/** Of a signal: milliseconds after which it ends by itself, 100 to 3,600,000. Default 5,000. */
	ttl?: number;
	/**
	 * Of a signal: what it is about, as a field of the data or as a function. A sender's newest signal of a topic about the
	 * same thing replaces the earlier ones, also those that have not been sent yet. Default: all of them are about the same.
	 */
	coalesce?: CoalesceBy<TData>;
	/** Of a signal: who may send it. `'clients'`: browsers, too, by `POST /api/signal`. Default: `'server'`. */
	send?: 'server' | 'clients';
	/**
	 * Of a pattern: true lets clients be present in its scopes, and see who else is (`presence=rooms/42`). Who may see a topic
	 * of the scope, may. Default: false.
	 */
	presence?: boolean;
	/** What the topic is for, in a few words. Shown to people who look at the log. */
	description?: string;
}

/**
 * Keep events for a time (seconds), or the newest n events of each user (events for everyone count as one user's events).
 */
export type Retention = { seconds: number } | { lastPerUser: number };

/** A topic name has letters, digits and `._/-`, and at most 100 characters. Names that start with `$` are the log's own. */
export const TOPIC_NAME = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$/;

/** The name of a wildcard: like a topic, and `*` in place of one or more parameters. */
export const WILDCARD_NAME = /^(?=.*\*)[A-Za-z0-9][A-Za-z0-9._/*-]{0,99}$/;

/**
 * Declares topics. It returns them as they are, with the type that {@link PayloadsOf} reads.
 *
 * ```ts
 * export const topics = defineTopics({
 * 	orders: { schema: v.object({ id: v.string() }), retention: { seconds: 86_400 } },
 * 	'rooms/[room]/messages': { schema: v.object({ text: v.string() }), access: 'granted' }
 * });
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
