import { CONTROL, compareIds, type Gap, type SSETopicsMap } from '$lib/protocol';
import { untrack } from 'svelte';
import { isID, readCaughtUp, readGap, readReason } from './control.ts';
import { Link, type LinkStatus, type LinkTarget } from './link.ts';
import type { SSEClientOptions, TopicsUpdate } from './options.ts';
import { Subscriptions, type TopicHandler } from './subscriptions.ts';
import { streamURL } from './url.ts';

/**
 * `idle`: not asked to connect, or nothing to listen to. `error`: no connection, and `error` says why; unless the session
 * ended or the address is wrong, the next attempt is on its way.
 */
export type SSEStatus = LinkStatus;

/**
 * A reactive client of an event stream. It reconnects by itself, catches up on what it missed, and hands each event to its
 * handler exactly once, in the order of ids within a topic.
 *
 * Where it is created decides how it ends: in a component or an effect it closes with it; elsewhere call `close()`.
 * Methods may be taken off the object.
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

	// What the client decides by is kept apart from what it shows: an effect that calls a method must not come to depend on
	// every event.
	#status = $state<SSEStatus>('idle');
	#error = $state.raw<Error | null>(null);
	#shownCursor = $state<string | null>(null);
	#counters = $state<Record<string, number>>({});

	/** Everything up to this id has been handled. */
	#cursor: string | null = null;
	/** Epoch of the log that the cursor belongs to. */
	#log: string | null = null;
	/** Whose events these are. */
	#user: string | null;
	/** The cursor is of another log: the next id replaces it, whatever it is. */
	#cursorIsForeign = false;
	readonly #received = new Map<string, number>();

	/**
	 * @param url address of the stream, relative or absolute
	 * @throws Error when a topic's name, `clientID` or `lastEventID` is malformed
	 */
	constructor(url: string | URL, options: SSEClientOptions<TTopics>) {
		const start = options.lastEventID ?? null;
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
		this.#log = options.log ?? null;
		this.#user = options.userID ?? null;
		this.#subscriptions = new Subscriptions(
			options.topics as Record<string, TopicHandler | undefined>,
			start
		);
		this.#moveTo(start);
		this.#link = new Link(
			{
				target: () => this.#target(),
				onEvent: (name, id, data) => this.#receive(name, id, data),
				onStatus: (status, error) => {
					this.#status = status;
					this.#error = error;
				},
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

	/** What went wrong last; null once there is a connection. */
	get error(): Error | null {
		return this.#error;
	}

	/** Id up to which everything has been handled; null before the first event. */
	get lastEventID(): string | null {
		return this.#shownCursor;
	}

	/** Topic → number of events received since this client was created. */
	get topicCounters(): Record<string, number> {
		return this.#counters;
	}

	/** Connects, or tries again at once when the last attempt failed. Goes on where the client was when it closed. */
	connect = (): void => {
		this.#link.open();
	};

	/** Disconnects and lets go of everything. Nothing is handled from now on, not even what has arrived already. */
	close = (): void => {
		this.#link.close();
	};

	/**
	 * Changes what the client listens to. A new topic is replayed from its start; a topic that is removed is forgotten, and
	 * adding it later replays it. Removals come first, so a topic in both lists is subscribed anew. Topics that stay miss
	 * nothing and see nothing twice.
	 *
	 * @throws Error when a name is not a topic name; nothing has changed then
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

	/** Ties the client to the effect or component that it is created in, if there is one. */
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
		// While a page is rendered on the server there is no EventSource.
		if (!EventSource || topics.length === 0) return null;
		this.#cursorIsForeign = false;
		const url = streamURL(this.#url, {
			topics: this.#subscriptions.requested,
			client: this.#client,
			cursor: this.#cursor,
			log: this.#log,
			user: this.#user
		});
		return { EventSource, url, names: [...topics, ...Object.values(CONTROL)] };
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
			// Ids of another kind cannot be put in order: every such event counts as new.
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
	 * History is missing. If its oldest event is after our cursor, it was trimmed, and all goes on. Otherwise the cursor was
	 * not of this log: what follows are other events under ids that we may have seen, so the topic's last id counts no more.
	 * The cursor itself is kept until an id of the new log arrives: if the connection breaks off between the gaps of two
	 * topics, the server must be able to tell again, or the second topic would never know.
	 */
	#passGap({ topic, after, oldest }: Gap): void {
		if (after === '0' || (oldest !== null && compareIds(oldest, after) > 0)) return;
		this.#subscriptions.startOver(topic);
		this.#cursorIsForeign = true;
	}

	/** Never back: while a new topic's history comes in, its ids are behind what the other topics have reached. */
	#advance(id: string): void {
		if (!isID(id)) return;
		if (this.#cursorIsForeign) {
			this.#cursorIsForeign = false;
			// The old epoch beside the new cursor would make that one foreign, too.
			this.#log = null;
		} else if (this.#cursor !== null && compareIds(id, this.#cursor) <= 0) {
			return;
		}
		this.#moveTo(id);
	}

	#moveTo(cursor: string | null): void {
		this.#cursor = cursor;
		this.#shownCursor = cursor;
	}

	#debug(text: string, ...details: unknown[]): void {
		if (this.#options.debug) console.debug(`[SSE] ${text}`, ...details);
	}
}

/** Runs what belongs to the application: its errors are its own, and must not end the stream. */
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

/** `crypto.randomUUID` is missing where a page is served without https. */
function randomID(): string {
	const bytes = crypto.getRandomValues(new Uint8Array(16));
	return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
