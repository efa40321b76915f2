import { CONTROL, compareIds, type Gap, type SSETopicsMap } from '../protocol/index.ts';
import { untrack } from 'svelte';
import { isID, readCaughtUp, readGap, readReason } from './control.ts';
import { Link, type LinkStatus, type LinkTarget } from './link.ts';
import type { SSEClientOptions, TopicsUpdate } from './options.ts';
import { Subscriptions, type TopicHandler } from './subscriptions.ts';
import { streamURL } from './url.ts';

/**
 * `idle`: not connected on request, or no topics. `error`: no connection, and `error` has the reason. The next attempt is
 * scheduled, unless the session ended or the address is invalid.
 */
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

	// Internal state is separate from reactive state: an effect that calls a method must not depend on every event.
	#status = $state<SSEStatus>('idle');
	#error = $state.raw<Error | null>(null);
	#retryAt = $state<number | null>(null);
	#suspect = $state(false);
	#shownCursor = $state<string | null>(null);
	#counters = $state<Record<string, number>>({});

	/** Every event up to this id has been handled. */
	#cursor: string | null = null;
	/** Epoch of the log that the cursor belongs to. */
	#log: string | null = null;
	/** Id of the user whose events these are. */
	#user: string | null;
	/**
	 * Set when the cursor is not valid any more. The next id then replaces the cursor, even a smaller one, but not one below
	 * this value.
	 */
	#cursorGoesBackTo: string | null = null;
	readonly #received = new Map<string, number>();

	/**
	 * @param url address of the stream, relative or absolute
	 * @throws Error when the name of a topic, `clientID` or `lastEventID` is malformed
	 */
	constructor(url: string | URL, options: SSEClientOptions<TTopics>) {
		const start = options.lastEventID ?? options.start?.cursor ?? null;
		if (start !== null && !isID(start)) {
			throw new Error(`lastEventID must be a decimal id such as "42", got "${String(start)}"`);
		}
		const client = options.clientID ?? randomID();
		if (!/^[A-Za-z0-9_-]{1,64}$/.test(client)) {
			throw new Error(`clientID must be 1 to 64 of A-Z a-z 0-9 _ -, got "${client}"`);
		}
		this.#url = String(url);
		this.#options = options;
		this.#client = client;
		this.#log = options.log ?? options.start?.log ?? null;
		this.#user = options.userID ?? options.start?.userID ?? null;
		this.#subscriptions = new Subscriptions(
			options.topics as Record<string, TopicHandler | undefined>,
			start
		);
		this.#moveTo(start);
		this.#link = new Link(
			{
				target: () => this.#target(),
				onEvent: (name, id, data) => this.#receive(name, id, data),
				onState: ({ status, error, retryAt, suspect }) => {
					this.#status = status;
					this.#error = error;
					this.#retryAt = retryAt;
					this.#suspect = suspect;
				},
				onUnauthorized: ({ message }) => call(() => this.#options.onSignedOut?.(message)),
				debug: (text, ...details) => this.#debug(text, ...details)
			},
			options.reconnectWait ?? 3000,
			options.keepAliveTimeout
		);
		this.#debug('created', { url: this.#url, topics: this.#subscriptions.names, client });
		this.#bind(options.autoConnect ?? true);
	}

	get status(): SSEStatus {
		return this.#status;
	}

	/** The last error; null once connected. A {@link StreamRefused} has the server's reason for a refusal. */
	get error(): Error | null {
		return this.#error;
	}

	/** When the next attempt is due, in milliseconds since 1970; null: none is scheduled. `connect()` ends the wait. */
	get retryAt(): number | null {
		return this.#retryAt;
	}

	/** The connection looks open, but a keep-alive is overdue: it may be dead. */
	get suspect(): boolean {
		return this.#suspect;
	}

	/** Every event up to this id has been handled; null before the first event. */
	get lastEventID(): string | null {
		return this.#shownCursor;
	}

	/** Topic → number of events received since this client was created. */
	get topicCounters(): Record<string, number> {
		return this.#counters;
	}

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
	};

	/**
	 * Changes the topics. A new topic replays from its start. A removed topic is forgotten and replays when it is added
	 * again. Removals are applied first, so a topic in both lists is subscribed anew. Topics that stay miss no event and get
	 * none twice.
	 *
	 * @throws Error when a name is not a valid topic name; nothing has changed then
	 */
	updateTopics = (update: TopicsUpdate<TTopics>): void => {
		const changed = this.#subscriptions.update({
			add: update.addTopics as readonly string[] | Record<string, TopicHandler> | undefined,
			remove: update.removeTopics,
			next: update.nextTopics as Record<string, TopicHandler> | undefined
		});
		this.#debug('topics updated', this.#subscriptions.requested);
		if (changed) this.#link.replace();
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
		const EventSource = this.#options.eventSource ?? globalThis.EventSource;
		const topics = this.#subscriptions.names;
		// During server rendering there is no EventSource.
		if (!EventSource || topics.length === 0) return null;
		this.#cursorGoesBackTo = null;
		const url = streamURL(this.#url, {
			topics: this.#subscriptions.requested,
			client: this.#client,
			cursor: this.#cursor,
			log: this.#log,
			user: this.#user
		});
		const fetcher = this.#options.fetch ?? (this.#options.eventSource ? null : globalThis.fetch);
		return { EventSource, url, names: [...topics, ...Object.values(CONTROL)], fetch: fetcher };
	}

	#receive(name: string, id: string, text: string): void {
		if (name === CONTROL.keepAlive) {
			this.#link.heardKeepAlive();
			this.#advance(id);
			return;
		}
		const isControl = !this.#subscriptions.has(name);
		if (!isControl) {
			this.#advance(id);
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
		if (isControl) this.#control(name, data);
		else this.#handle(name, id, data);
	}

	#handle(topic: string, id: string, data: unknown): void {
		this.#debug(`event on topic "${topic}"`, { id, data });
		const count = (this.#received.get(topic) ?? 0) + 1;
		this.#received.set(topic, count);
		this.#counters[topic] = count;
		call(() => this.#subscriptions.handler(topic)?.(data, { id, topic }));
	}

	#control(name: string, data: unknown): void {
		this.#debug(name, data);
		if (name === CONTROL.caughtUp) {
			const info = readCaughtUp(data);
			if (!info) return report(new Error('The server sent a malformed "caught-up"'));
			this.#advance(info.cursor);
			this.#log = info.log;
			this.#user = info.user ?? this.#user;
			this.#link.served();
			call(() => this.#options.onCaughtUp?.(info));
		} else if (name === CONTROL.gap) {
			const gap = readGap(data);
			if (!gap) return report(new Error('The server sent a malformed "gap"'));
			this.#passGap(gap);
			call(() => this.#options.onGap?.(gap));
		} else if (name === CONTROL.signedOut) {
			const reason = readReason(data);
			this.#link.close(new Error(`Signed out: ${reason}`));
			call(() => this.#options.onSignedOut?.(reason));
		} else if (name === CONTROL.timeout) {
			this.#link.renew();
		}
	}

	/**
	 * History is missing. There are three cases:
	 * - `lost` is set: the log lost events that the client has seen. The cursor goes back to `after`, and new events have
	 *   greater ids.
	 * - The oldest event is after the cursor: events were trimmed. Nothing changes.
	 * - Otherwise the cursor is not of this log. Other events follow, with ids that the client may have seen, so the last id
	 *   of the topic is reset.
	 *
	 * The cursor itself is kept until an event with an id arrives. Reason: the connection may break off between the gaps of
	 * two topics. The client must then send the old cursor again, so that the server reports the second gap.
	 */
	#passGap({ topic, after, oldest, lost }: Gap): void {
		if (lost !== undefined) {
			this.#cursorGoesBackTo = after;
			return;
		}
		if (after === '0' || (oldest !== null && compareIds(oldest, after) > 0)) return;
		this.#subscriptions.startOver(topic);
		this.#cursorGoesBackTo = '0';
	}

	/** The cursor never goes back by itself: the history of a new topic has ids below the cursor of the other topics. */
	#advance(id: string): void {
		if (!isID(id)) return;
		const from = this.#cursorGoesBackTo;
		if (from === null) {
			if (this.#cursor === null || compareIds(id, this.#cursor) > 0) this.#moveTo(id);
			return;
		}
		this.#cursorGoesBackTo = null;
		// Next to the old epoch, the new cursor would also be judged as foreign.
		if (from === '0') this.#log = null;
		this.#moveTo(compareIds(id, from) > 0 ? id : from);
	}

	#moveTo(cursor: string | null): void {
		this.#cursor = cursor;
		this.#shownCursor = cursor;
	}

	#debug(text: string, ...details: unknown[]): void {
		if (this.#options.debug) console.debug(`[SSE] ${text}`, ...details);
	}
}

/** Runs code of the application. Its errors must not end the stream. */
function call(run: () => void): void {
	try {
		run();
	} catch (error) {
		report(error);
	}
}

function report(error: unknown): void {
	if (typeof reportError === 'function') reportError(error);
	else console.error(error);
}

/** `crypto.randomUUID` is missing on pages without https. */
function randomID(): string {
	const bytes = crypto.getRandomValues(new Uint8Array(16));
	return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
