/** The part of the standard EventSource that the client needs; polyfills have it too. */
export interface EventSourceLike {
	readonly readyState: number;
	addEventListener(type: string, listener: (event: Event) => void): void;
	close(): void;
}

export type EventSourceConstructor = new (url: string) => EventSourceLike;

export interface ConnectionEvents {
	onOpen(): void;
	onEvent(name: string, id: string, data: string): void;
	/** The connection is gone, for whatever reason. Called once; the connection is closed then. */
	onLost(reason: string | null): void;
}

/**
 * One EventSource from its start to its first failure. It is not left to reconnect by itself: it would repeat its first
 * address, with an epoch and a cursor that may no longer be right, and after an HTTP error it would not try at all.
 */
export class Connection {
	readonly #source: EventSourceLike;
	#closed = false;
	#openedAt: number | null = null;

	/** @throws whatever the constructor throws for an address it cannot read */
	constructor(
		EventSource: EventSourceConstructor,
		url: string,
		names: Iterable<string>,
		events: ConnectionEvents
	) {
		this.#source = new EventSource(url);
		// A topic may be called "open" or "error": events of the stream have data, the EventSource's own have not.
		this.#source.addEventListener('open', (event) => {
			if (this.#closed || isMessage(event)) return;
			this.#openedAt = Date.now();
			events.onOpen();
		});
		this.#source.addEventListener('error', (event) => {
			if (this.#closed || isMessage(event)) return;
			this.close();
			events.onLost('message' in event && typeof event.message === 'string' ? event.message : null);
		});
		for (const name of new Set(names)) {
			this.#source.addEventListener(name, (event) => {
				if (!this.#closed && isMessage(event)) events.onEvent(name, event.lastEventId, event.data);
			});
		}
	}

	/** Milliseconds since it opened; null: it has not. */
	get age(): number | null {
		return this.#openedAt === null ? null : Date.now() - this.#openedAt;
	}

	/** Ends it. Nothing is reported from now on, not even what has arrived already. */
	close(): void {
		this.#closed = true;
		this.#source.close();
	}
}

function isMessage(event: Event): event is MessageEvent<string> {
	return 'data' in event && typeof event.data === 'string';
}
