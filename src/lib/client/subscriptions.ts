import type { Denied, SignalSender, Subscribed } from '../protocol/index.ts';
import { checkName, Subscription } from './subscription.ts';

/** Id and topic of an event. */
export interface EventInfo {
	/** Id as decimal text; empty on a stream without ids. */
	id: string;
	/** The topic itself, also when a wildcard brought it. */
	topic: string;
	/**
	 * The parts of the topic that stand for each `*` of the wildcard, in order: `['42']` for `rooms/42` of `rooms/*`. Empty
	 * for a topic that is named without `*`. The parts have no names: the browser knows the wildcard, but not the pattern
	 * that is declared on the server.
	 */
	params: readonly string[];
	/** Of a signal: who sent it; null: the server. Not set for events that are kept. */
	from?: SignalSender | null;
}

/** Handles the events of one topic, or of all topics that a wildcard brings. */
export type TopicHandler<TData = unknown> = (data: TData, event: EventInfo) => void;

/** A change of the topics, with names and handlers. */
export interface TopicChange {
	/** Names, or names with their handlers. */
	add?: readonly string[] | Readonly<Record<string, TopicHandler | undefined>>;
	remove?: readonly string[];
	/** Replaces the whole set (plus `add`). */
	next?: Readonly<Record<string, TopicHandler | undefined>>;
}

/** The topics and wildcards of a client, and how far each topic has been handled. */
export class Subscriptions {
	readonly #current = new Map<string, Subscription>();
	/** Handlers stay after a removal, so that a topic can be added again by name. */
	readonly #handlers = new Map<string, TopicHandler>();
	/** Name → the largest n that was used. */
	readonly #counts = new Map<string, number>();
	/** Topic → the wildcard that brought it on this connection. */
	readonly #brought = new Map<string, Subscription>();
	readonly #upcasts: Readonly<Record<string, ((data: unknown) => unknown) | undefined>>;
	/** Names of subscriptions whose topics are signals, as the server says. */
	#signals: ReadonlySet<string> = new Set();

	/**
	 * @param upcasts name → turns stored data into what the handler expects
	 * @param start cursor of the server-rendered state of the page, if any
	 * @throws Error when a name is not a valid topic name
	 */
	constructor(
		topics: Readonly<Record<string, TopicHandler | undefined>>,
		start: string | null = null,
		upcasts: Readonly<Record<string, ((data: unknown) => unknown) | undefined>> = {}
	) {
		this.#upcasts = upcasts;
		const initial = handlersOf(topics);
		initial.forEach((_, name) => checkName(name));
		for (const [name, handler] of initial) {
			this.#handlers.set(name, handler);
			this.#counts.set(name, 0);
			this.#current.set(name, new Subscription(name, 0, start));
		}
	}

	/** Names of the current topics and wildcards. */
	get names(): string[] {
		return [...this.#current.keys()];
	}

	/** The current topics that are named without a wildcard. */
	get topics(): string[] {
		return [...this.#current.values()].filter((one) => !one.isWildcard).map(({ name }) => name);
	}

	/** Topics and wildcards in the form of the request. */
	get requested(): string[] {
		return [...this.#current.values()].map(({ request }) => request);
	}

	/** @returns true when events of the topic are handled: it is named, or a wildcard has brought it */
	has(topic: string): boolean {
		return this.#of(topic) !== undefined;
	}

	/** Id of the last handled event of a topic. null: none was handled. */
	lastOf(topic: string): string | null {
		return this.#of(topic)?.lastOf(topic) ?? null;
	}

	/** Passes an event to its handler. */
	handle(topic: string, id: string, data: unknown, from?: SignalSender | null): void {
		const subscription = this.#of(topic);
		if (!subscription) return;
		const params = subscription.paramsOf(topic) ?? [];
		const { name } = subscription;
		const upcast = Object.hasOwn(this.#upcasts, name) ? this.#upcasts[name] : undefined;
		const info = from === undefined ? { id, topic, params } : { id, topic, params, from };
		this.#handlers.get(name)?.(upcast ? upcast(data) : data, info);
	}

	/** @param names the subscriptions whose topics are signals */
	setSignals(names: readonly string[]): void {
		this.#signals = new Set(names);
	}

	/** @returns true when the topic is one of signals: they have no ids, and the `lastEventId` is the id of another event */
	isSignal(topic: string): boolean {
		const name = this.#of(topic)?.name;
		return name !== undefined && this.#signals.has(name);
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

		const gone = new Set(change.remove);
		if (change.next) for (const name of this.names) if (!names.has(name)) gone.add(name);
		const removed = [...gone].flatMap((name) => this.#current.get(name) ?? []);
		for (const { name } of removed) this.#current.delete(name);
		this.#handBack(removed, names);

		for (const [name, handler] of [...next, ...added]) this.#handlers.set(name, handler);
		let changed = removed.length > 0;
		for (const name of names) {
			if (this.#current.has(name)) continue;
			this.#current.set(name, new Subscription(name, this.#nextCount(name)));
			changed = true;
		}
		return changed;
	}

	/** @returns true when the event must be handled now: once for each id, in rising order */
	accept(topic: string, id: string): boolean {
		return this.#of(topic)?.accept(topic, id) ?? false;
	}

	/** A new connection begins: the server says again which topics the wildcards bring. */
	reconnect(): void {
		this.#brought.clear();
	}

	/** @returns true when the client asked for the wildcard, and it can bring the topic */
	expects({ topic, pattern }: Subscribed): boolean {
		return (this.#current.get(pattern)?.paramsOf(topic) ?? null) !== null;
	}

	/**
	 * A wildcard brings a topic. If several wildcards fit, the one stays in charge that has handled events of the topic. A
	 * topic that is named, too, belongs to its own subscription.
	 *
	 * @returns false: the server may continue at the cursor, but the topic was not carried up to there. Its wildcards are
	 *   renewed, and must be requested before an event of the topic is handled
	 */
	bring({ topic, pattern }: Subscribed): boolean {
		const fitting = this.#fitting(topic);
		if (fitting.some((wildcard) => wildcard.hasMissed(topic))) {
			for (const wildcard of fitting) this.#renew(wildcard);
			return false;
		}
		const wildcard = fitting.find((one) => one.hasHandled(topic)) ?? this.#current.get(pattern);
		if (wildcard) this.#brought.set(topic, wildcard);
		return true;
	}

	/**
	 * The server does not or no longer carry a topic, or a wildcard as a whole.
	 *
	 * The cursor moves on without it. So what was denied becomes another subscription, and the server cannot take a later
	 * cursor for valid. A single topic of a wildcard has no subscription of its own. It needs none when a grant must come
	 * before it comes back: the server sends the history of a grant that the cursor has not passed. For the other reasons
	 * see {@link Subscription.miss}.
	 *
	 * When the viewer may not see the topic, the last ids are forgotten: if it comes back, its history is handled again.
	 * Otherwise nobody drops what was handled, and only the rest is handled later.
	 */
	deny(denied: Denied): void {
		const { topic: name } = denied;
		if (isClosed(denied)) this.forget(name);
		const subscription = this.#current.get(name);
		if (subscription) this.#renew(subscription);
		if (!isClosed(denied)) for (const wildcard of this.#fitting(name)) wildcard.miss(name);
	}

	/** Resets the last id of a topic, or of all topics of a wildcard: what follows is handled, whatever its ids are. */
	forget(name: string): void {
		this.#current.get(name)?.forgetAll();
		for (const wildcard of this.#fitting(name)) wildcard.forget(name);
	}

	/**
	 * The log is another one, and before this connection no event of it was handled. Forgets all topics of wildcards that it
	 * has not brought.
	 */
	forgetAbsent(): void {
		for (const subscription of this.#current.values()) {
			const absent = subscription.topics.filter((topic) => !this.#brought.has(topic));
			if (subscription.isWildcard) absent.forEach((topic) => subscription.forget(topic));
		}
	}

	/**
	 * Removed subscriptions may have handled topics of a wildcard that stays. From now on their events go to the wildcard's
	 * handler, which has not seen the earlier ones. But the server takes the cursor for valid for all topics of the wildcard.
	 * So the wildcard is renewed.
	 *
	 * @param added names that the same change adds
	 */
	#handBack(removed: readonly Subscription[], added: ReadonlySet<string>): void {
		const topics = removed
			.flatMap((one) => (one.isWildcard ? one.topics : [one.name]))
			.filter((topic) => !this.#current.has(topic) && !added.has(topic));
		for (const wildcard of new Set(topics.flatMap((topic) => this.#fitting(topic)))) {
			this.#renew(wildcard);
		}
	}

	/** The named topic wins over wildcards. */
	#of(topic: string): Subscription | undefined {
		return this.#current.get(topic) ?? this.#brought.get(topic);
	}

	#fitting(topic: string): Subscription[] {
		return [...this.#current.values()].filter((one) => one.isWildcard && one.paramsOf(topic));
	}

	#renew(subscription: Subscription): void {
		subscription.renew(this.#nextCount(subscription.name));
	}

	#nextCount(name: string): number {
		const n = (this.#counts.get(name) ?? 0) + 1;
		this.#counts.set(name, n);
		return n;
	}
}

/** @returns true when the viewer may not see the topic; false: the server does not know it, or has no room for it */
export function isClosed({ reason }: Denied): boolean {
	return reason === 'forbidden' || reason === 'revoked';
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
