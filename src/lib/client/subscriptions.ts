import { compareIds, isReserved, TOPIC_NAME } from '../protocol/index.ts';

/** Id and topic of an event. */
export interface EventInfo {
	/** Id as decimal text; empty on a stream without ids. */
	id: string;
	topic: string;
}

/** Handles the events of one topic. */
export type TopicHandler<TData = unknown> = (data: TData, event: EventInfo) => void;

/** A change of the topics, with names and handlers. */
export interface TopicChange {
	/** Names, or names with their handlers. */
	add?: readonly string[] | Readonly<Record<string, TopicHandler | undefined>>;
	remove?: readonly string[];
	/** Replaces the whole set (plus `add`). */
	next?: Readonly<Record<string, TopicHandler | undefined>>;
}

interface Subscription {
	/** How many times this client has added the topic after its start. */
	n: number;
	/** Id of the last handled event: an event that is not after it has been handled before. */
	last: string;
}

/** The topics of a client, and how far each has been handled. */
export class Subscriptions {
	readonly #current = new Map<string, Subscription>();
	/** Handlers stay after a removal, so that a topic can be added again by name. */
	readonly #handlers = new Map<string, TopicHandler>();
	readonly #added = new Map<string, number>();

	/**
	 * @param start cursor of the server-rendered state of the page, if any
	 * @throws Error when a name is not a valid topic name
	 */
	constructor(
		topics: Readonly<Record<string, TopicHandler | undefined>>,
		start: string | null = null
	) {
		const initial = handlersOf(topics);
		initial.forEach((_, topic) => checkName(topic));
		for (const [topic, handler] of initial) {
			this.#handlers.set(topic, handler);
			this.#added.set(topic, 0);
			this.#current.set(topic, { n: 0, last: start ?? '0' });
		}
	}

	/** Names of the current topics. */
	get names(): string[] {
		return [...this.#current.keys()];
	}

	/**
	 * The topics in the form of the request: `name@n`, or `name@n:id` with the id of the last handled event. With it, an
	 * interrupted replay continues there.
	 */
	get requested(): string[] {
		return [...this.#current].map(
			([topic, { n, last }]) => `${topic}@${n}${last === '0' ? '' : `:${last}`}`
		);
	}

	has(topic: string): boolean {
		return this.#current.has(topic);
	}

	handler(topic: string): TopicHandler | undefined {
		return this.#handlers.get(topic);
	}

	/**
	 * Changes the set. Removals are applied first: a topic that is removed and added in one change is subscribed anew. A
	 * topic that is already in the set keeps its subscription, and its handler is replaced.
	 *
	 * @returns true when the subscriptions changed and must be requested
	 * @throws Error when a name is not a valid topic name; nothing has changed then
	 */
	update(change: TopicChange): boolean {
		const next = handlersOf(change.next ?? {});
		const added = isNames(change.add)
			? new Map<string, TopicHandler>()
			: handlersOf(change.add ?? {});
		const names = new Set([
			...next.keys(),
			...added.keys(),
			...(isNames(change.add) ? change.add : [])
		]);
		names.forEach(checkName);

		let changed = false;
		for (const topic of change.remove ?? []) changed = this.#current.delete(topic) || changed;
		if (change.next) {
			for (const topic of this.names) {
				if (!names.has(topic)) changed = this.#current.delete(topic) || changed;
			}
		}
		for (const [topic, handler] of [...next, ...added]) this.#handlers.set(topic, handler);
		for (const topic of names) {
			if (this.#current.has(topic)) continue;
			const n = (this.#added.get(topic) ?? 0) + 1;
			this.#added.set(topic, n);
			this.#current.set(topic, { n, last: '0' });
			changed = true;
		}
		return changed;
	}

	/** @returns true when the event must be handled now: once for each id, in rising order */
	accept(topic: string, id: string): boolean {
		const subscription = this.#current.get(topic);
		if (!subscription || compareIds(id, subscription.last) <= 0) return false;
		subscription.last = id;
		return true;
	}

	/** Resets the last id of a topic: the log was replaced or restored to an earlier state. */
	startOver(topic: string): void {
		const subscription = this.#current.get(topic);
		if (subscription) subscription.last = '0';
	}
}

function isNames(add: TopicChange['add']): add is readonly string[] {
	return Array.isArray(add);
}

/** A topic whose handler is `undefined` is ignored, so that `{ logs: wanted ? handler : undefined }` works. */
function handlersOf(
	map: Readonly<Record<string, TopicHandler | undefined>>
): Map<string, TopicHandler> {
	const handlers = new Map<string, TopicHandler>();
	for (const [topic, handler] of Object.entries(map)) if (handler) handlers.set(topic, handler);
	return handlers;
}

function checkName(topic: string): void {
	if (isReserved(topic)) {
		throw new Error(`"${topic}" is reserved for the stream itself; choose another topic name`);
	}
	if (!TOPIC_NAME.test(topic)) {
		throw new Error(`"${topic}" is not a topic name; use letters, digits and ._/-, at most 100`);
	}
}
