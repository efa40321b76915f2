import { StreamClient } from './stream-client.ts';
import { until } from './until.ts';

/** How long it waits before it reconnects, in milliseconds. */
const WAIT_MS = 50;

/** A client of the topic `a` that reconnects with its cursor whenever its stream ends, and all events it has received. */
export class ReturningClient {
	readonly #url: string;
	readonly #cookie: string;
	readonly #connections: StreamClient[] = [];
	#timer: NodeJS.Timeout | undefined;
	#cursor = '';

	/** @param url with the topic `a` */
	constructor(url: string, cookie: string) {
		this.#url = url;
		this.#cookie = cookie;
		this.comeBack();
	}

	/** The value that it would send as `Last-Event-ID` now. */
	get cursor(): string {
		return this.#current?.cursor || this.#cursor;
	}

	/** Number of streams that it opened (status 200). `refused` counts the refused attempts (status 503). */
	get opened(): number {
		return this.#connections.filter(({ status }) => status === 200).length;
	}
	get refused(): number {
		return this.#connections.filter(({ status }) => status === 503).length;
	}

	/** Connects, and reconnects whenever the stream ends. */
	comeBack(): void {
		this.leave();
		const headers: Record<string, string> = this.#cursor ? { 'last-event-id': this.#cursor } : {};
		this.#connections.push(new StreamClient(this.#url, { cookie: this.#cookie, headers }));
		const look = () => {
			if (this.#current?.ended) this.comeBack();
			else this.#timer = setTimeout(look, WAIT_MS);
		};
		this.#timer = setTimeout(look, WAIT_MS);
	}

	/** Disconnects and does not reconnect. */
	leave(): void {
		clearTimeout(this.#timer);
		this.#current?.close();
		this.#cursor = this.cursor;
	}

	/** Resolves when an event with this data has arrived. */
	has(text: string): Promise<unknown> {
		return until(() => this.texts().includes(text), {
			what: `"${text}" has arrived`,
			timeoutMs: 30_000
		});
	}

	/** Returns the data of all events of the topic, in order of arrival. */
	texts(): string[] {
		return this.#connections.flatMap((client) => client.data('a') as string[]);
	}

	/** Returns the data of every `gap` that it received. */
	gaps(): unknown[] {
		return this.#connections.flatMap((client) => client.data('gap'));
	}

	get #current(): StreamClient | undefined {
		return this.#connections.at(-1);
	}
}
