import { StreamClient } from '../support/stream-client.ts';
import { until } from '../support/until.ts';

/** A client that reconnects with its cursor, and all events it has received. */
export class ReturningReader {
	readonly #url: string;
	readonly #cookie: string;
	readonly #earlier: { id: string; data: unknown }[] = [];
	#client: StreamClient;

	/** @param url with the topic a and the name of the client */
	constructor(url: string, cookie: string) {
		this.#url = url;
		this.#cookie = cookie;
		this.#client = this.#open();
	}

	/** Drops the connection and opens another one at its cursor. */
	reconnect(): void {
		this.close();
		this.#earlier.push(...this.#seen());
		this.#client = this.#open(this.#client.cursor);
	}

	close(): void {
		this.#client.close();
	}

	has(data: string): Promise<unknown> {
		return until(() => this.all().some((event) => event.data === data), {
			what: `"${data}" has arrived`,
			timeoutMs: 20_000
		});
	}

	all(): { id: string; data: unknown }[] {
		return [...this.#earlier, ...this.#seen()];
	}

	#seen() {
		return this.#client.of('a').map(({ id, data }) => ({ id, data }));
	}

	#open(cursor?: string): StreamClient {
		return new StreamClient(this.#url, {
			cookie: this.#cookie,
			headers: cursor ? { 'last-event-id': cursor } : {}
		});
	}
}
