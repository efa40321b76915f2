import {
	CONTROL,
	type PayloadOf,
	type PresentUser,
	type ReadMarker,
	type SignalSender,
	type SSETopicsMap,
	type TopicOf
} from '../protocol/index.ts';
import { untrack } from 'svelte';
import { Around } from './around.ts';
import { beginningOf } from './beginning.ts';
import { ConnectionState } from './connection-state.svelte.ts';
import { isID, readSignal } from './control.ts';
import { ControlEvents } from './control-events.ts';
import { Cursor } from './cursor.ts';
import { guarded, type Inspect } from './inspect.ts';
import type { Condition, LinkStatus } from './life.ts';
import { Link, type LinkTarget } from './link.ts';
import type { PresenceUpdate, SSEClientOptions, TopicsUpdate } from './options.ts';
import { call, report, reportMalformed } from './report.ts';
import { browserFor } from './share/browser.ts';
import { Share } from './share/share.ts';
import type { CurrentSignal } from './signals.svelte.ts';
import { Subscriptions } from './subscriptions.ts';
import { streamURL } from './url.ts';

/** `idle`: not connected on request, or no topics. `error`: no connection; `retryAt` tells whether another is tried. */
export type SSEStatus = LinkStatus;

/**
 * A reactive client of an event stream. It reconnects by itself, catches up on missed events, and hands each event to its
 * handler exactly once, in id order within a topic.
 *
 * A client that is created in a component or an effect closes with it. Elsewhere call `close()`. Methods may be detached
 * from the object.
 *
 * ```ts
 * const stream = new SSEClient('/api/events', {
 * 	topics: { orders: (order) => orders.push(order) }
 * });
 * ```
 */
export class SSEClient<TTopics extends object = SSETopicsMap> {
	readonly #url: string;
	readonly #options: SSEClientOptions<TTopics>;
	readonly #client: string;
	readonly #subscriptions: Subscriptions;
	readonly #link: Link;
	/** null: the client has connections of its own. */
	readonly #share: Share | null;

	// Internal state is separate from reactive state: an effect that calls a method must not depend on every event.
	readonly #shown = new ConnectionState();
	#shownCursor = $state<string | null>(null);
	#counters = $state<Record<string, number>>({});

	readonly #cursor: Cursor;
	readonly #around: Around;
	readonly #inspect: Inspect | undefined;
	readonly #received = new Map<string, number>();
	readonly #control: ControlEvents;

	/**
	 * @param url address of the stream, relative or absolute
	 * @throws Error when the name of a topic, `clientID` or `lastEventID` is malformed
	 */
	constructor(url: string | URL, options: SSEClientOptions<TTopics>) {
		const { start, log, client } = beginningOf(options);
		this.#url = String(url);
		this.#options = options;
		this.#inspect = guarded(options.inspect);
		this.#client = client;
		this.#cursor = new Cursor(start, log, (id) => {
			this.#shownCursor = id;
		});
		this.#around = new Around(options, () => this.#control.user);
		this.#subscriptions = new Subscriptions(options.topics, start, options.upcast);
		this.#link = new Link(
			{
				target: () => this.#target(),
				onEvent: (name, id, data) => this.#receive(name, id, data),
				onState: (state) => {
					this.#inspect?.({ type: 'state', ...state });
					this.#shown.take(state);
				},
				onUnauthorized: ({ message }) => call(() => this.#options.onSignedOut?.(message)),
				debug: (text, ...details) => this.#debug(text, ...details)
			},
			options.reconnectWait ?? 3000,
			options.keepAliveTimeout
		);
		this.#control = new ControlEvents(options, {
			cursor: this.#cursor,
			subscriptions: this.#subscriptions,
			link: this.#link,
			around: this.#around
		});
		const browser = browserFor(this.#url, options);
		this.#share =
			browser &&
			new Share(this.#url, browser, {
				restart: () => this.#link.replace(),
				debug: (text, ...details) => this.#debug(text, ...details)
			});
		this.#debug('created', { url: this.#url, topics: this.#subscriptions.names, client });
		this.#bind(options.autoConnect ?? true);
	}

	get status(): SSEStatus {
		return this.#shown.status;
	}

	/** The last error; null once connected. A {@link StreamRefused} has the server's reason for a refusal. */
	get error(): Error | null {
		return this.#shown.error;
	}

	/** When the next attempt is due, in milliseconds since 1970; null: none is scheduled. `connect()` ends the wait. */
	get retryAt(): number | null {
		return this.#shown.retryAt;
	}

	/** The connection looks open, but a keep-alive is overdue: it may be dead. */
	get suspect(): boolean {
		return this.#shown.suspect;
	}

	/**
	 * What holds the stream up, or did last, such as `offline` or `limited`: with `status` it says what to tell the reader.
	 * null: nothing, or the stream is live again.
	 */
	get condition(): Condition | null {
		return this.#shown.condition;
	}

	/** Every event up to this id has been handled; null before the first event. */
	get lastEventID(): string | null {
		return this.#shownCursor;
	}

	/** Topic → number of events received since this client was created. A topic of a wildcard is counted for itself. */
	get topicCounters(): Record<string, number> {
		return this.#counters;
	}

	/**
	 * Topic → how far the user has read it, on any device. `unread` was counted when the marker was read or moved: events
	 * that arrive later are those with a greater id.
	 */
	get readMarkers(): Readonly<Record<string, ReadMarker>> {
		return this.#around.markers.shown;
	}

	/**
	 * Says that the user has read a topic, up to an event. A marker only moves forward: an id that is not after it is not sent.
	 *
	 * @param id default: the last event of the topic that was handled here
	 * @returns the marker as it is then; null when nothing of the topic was handled yet
	 * @throws StreamRefused with the server's reason; any error of `fetch`
	 */
	markRead = (topic: TopicOf<TTopics>, id?: string): Promise<ReadMarker | null> =>
		this.#around.markers.move(topic, id ?? this.#subscriptions.lastOf(topic));

	/**
	 * Connects, retries at once when the last attempt failed, or replaces a suspect connection. Continues where the client
	 * was when it closed.
	 */
	connect = (): void => {
		this.#link.open();
	};

	/** Disconnects and releases everything. From now on no event is handled, not even one that has arrived already. */
	close = (): void => {
		this.#link.close();
		this.#around.closed();
	};

	/**
	 * Returns the current signals of a topic, the oldest first: of each sender the newest (of each key, if the topic declares
	 * `coalesce`). A signal leaves the list when it ends by itself. Reactive.
	 */
	signals = <K extends TopicOf<TTopics>>(
		topic: K
	): readonly CurrentSignal<PayloadOf<K, TTopics>>[] =>
		this.#around.signals.of(topic) as readonly CurrentSignal<PayloadOf<K, TTopics>>[];

	/**
	 * Changes the topics and wildcards. A new topic replays from its start. A removed topic is forgotten and replays when it
	 * is added again; a removed wildcard takes its topics along. Removals are applied first, so a topic in both lists is
	 * subscribed anew. Topics that stay miss no event and get none twice.
	 *
	 * @throws Error when a name is not a valid topic name; nothing has changed then
	 */
	updateTopics = (update: TopicsUpdate<TTopics>): void => {
		const changed = this.#subscriptions.update({
			add: update.addTopics,
			remove: update.removeTopics,
			next: update.nextTopics
		});
		this.#debug('topics updated', this.#subscriptions.requested);
		if (changed) this.#link.replace();
	};

	/**
	 * Returns who is present in a scope, this client's user included; empty while it is not known. While the connection is
	 * lost, it is the last that was known. Reactive.
	 */
	presence = (scope: string): readonly PresentUser[] => this.#around.presence.of(scope);

	/** Changes in which scopes the client is present, or what it says about itself there. */
	updatePresence = (update: PresenceUpdate): void => {
		this.#around.update(update);
		this.#link.replace();
	};

	/** Binds the client to the effect or component in which it is created, if there is one. */
	#bind(autoConnect: boolean): void {
		try {
			$effect(() => {
				if (autoConnect) untrack(this.connect);
				return this.close;
			});
		} catch (error) {
			if (!(error instanceof Error && error.message.includes('effect_orphan'))) throw error;
			if (autoConnect) this.connect();
		}
	}

	#target(): LinkTarget | null {
		const { eventSource } = this.#options;
		const EventSource = this.#share?.EventSource ?? eventSource ?? globalThis.EventSource;
		// During server rendering there is no EventSource.
		if (!EventSource || this.#subscriptions.names.length === 0) return null;
		this.#cursor.reconnect();
		this.#subscriptions.reconnect();
		const url = streamURL(this.#url, {
			topics: this.#subscriptions.requested,
			client: this.#client,
			cursor: this.#cursor.id,
			log: this.#cursor.log,
			user: this.#control.user,
			...this.#around.place
		});
		this.#inspect?.({ type: 'attempt', url });
		const names = [...this.#subscriptions.topics, ...Object.values(CONTROL)];
		const fetcher = this.#options.fetch ?? (this.#options.eventSource ? null : globalThis.fetch);
		return { EventSource, url, names, fetch: fetcher };
	}

	#receive(name: string, id: string, text: string): void {
		this.#inspect?.({ type: 'frame', name, id, text });
		if (name === CONTROL.keepAlive) {
			this.#link.heardKeepAlive();
			this.#cursor.advance(id);
			return;
		}
		const isControl = !this.#subscriptions.has(name);
		const isSignal = !isControl && this.#subscriptions.isSignal(name);
		if (!isControl && !isSignal) {
			this.#cursor.advance(id);
			// Ids that are not of the log cannot be ordered: each such event counts as new.
			if (isID(id) && !this.#subscriptions.accept(name, id)) return;
		}
		let data: unknown;
		try {
			data = JSON.parse(text);
		} catch (cause) {
			report(new Error(`The event ${id} of "${name}" is not JSON and was skipped`, { cause }));
			return;
		}
		if (isControl) {
			this.#debug(name, data);
			this.#control.take(name, data);
		} else if (isSignal) this.#signal(name, data);
		else this.#handle(name, id, data);
	}

	#signal(topic: string, frame: unknown): void {
		const signal = readSignal(frame);
		if (!signal) return reportMalformed(topic);
		this.#around.signals.add(topic, signal);
		this.#handle(topic, '', signal.data, signal.from);
	}

	#handle(topic: string, id: string, data: unknown, from?: SignalSender | null): void {
		this.#debug(`event on topic "${topic}"`, { id, data });
		const count = (this.#received.get(topic) ?? 0) + 1;
		this.#received.set(topic, count);
		this.#counters[topic] = count;
		this.#inspect?.({ type: 'handled', topic, id });
		call(() => this.#subscriptions.handle(topic, id, data, from));
	}

	#debug(text: string, ...details: unknown[]): void {
		if (this.#options.debug) console.debug(`[SSE] ${text}`, ...details);
	}
}
