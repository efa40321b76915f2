import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { until } from './until.ts';

/** One dispatched event, as in the standard. */
export interface Received {
	id: string;
	event: string;
	data: unknown;
}

/**
 * A client that reads the raw stream and keeps the cursor as in the HTML standard: the id of every block counts, even
 * without an event, and a block without an id field does not change the cursor.
 */
export class StreamClient {
	/** Every event, including control events and keep-alives, in order of arrival. */
	readonly received: Received[] = [];
	cursor = '';
	status = 0;
	headers: IncomingMessage['headers'] = {};
	body = '';
	ended = false;
	readonly #request: ClientRequest;
	#response: IncomingMessage | null = null;
	#rest = '';
	#stopAfter = Infinity;

	constructor(url: string, options: { cookie?: string; headers?: Record<string, string> } = {}) {
		this.#request = request(
			url,
			{
				agent: false,
				headers: { ...(options.cookie ? { cookie: options.cookie } : {}), ...options.headers }
			},
			(response) => {
				this.#response = response;
				this.status = response.statusCode ?? 0;
				this.headers = response.headers;
				response.setEncoding('utf8');
				response.on('data', (text: string) => this.#take(text));
				response.on('end', () => (this.ended = true));
				response.on('error', () => (this.ended = true));
				response.on('close', () => (this.ended = true));
			}
		);
		this.#request.on('error', () => (this.ended = true));
		this.#request.end();
	}

	/** Returns the data of the events of the given topics, in order. */
	data(...topics: string[]): unknown[] {
		return this.of(...topics).map((event) => event.data);
	}

	of(...topics: string[]): Received[] {
		return this.received.filter((event) => topics.includes(event.event));
	}

	/** Resolves when an event with that name has arrived. */
	arrived(name: string, timeoutMs = 10_000): Promise<Received> {
		return until(() => this.received.find((event) => event.event === name), {
			what: `"${name}" has arrived`,
			timeoutMs
		});
	}

	caughtUp(timeoutMs?: number): Promise<Received> {
		return this.arrived('caught-up', timeoutMs);
	}

	/** Breaks the connection as soon as it has received `count` events of any topics. Later bytes are ignored. */
	stopAfter(count: number): void {
		this.#stopAfter = count;
		if (this.#topicEvents() >= count) this.close();
	}

	pause(): void {
		this.#response?.pause();
	}

	resume(): void {
		this.#response?.resume();
	}

	close(): void {
		this.#request.destroy();
		this.ended = true;
	}

	#topicEvents(): number {
		return this.received.filter((event) => !CONTROL.has(event.event)).length;
	}

	#take(text: string): void {
		if (this.status !== 200) {
			this.body += text;
			return;
		}
		if (this.ended) return;
		const blocks = (this.#rest + text).split('\n\n');
		this.#rest = blocks.pop() ?? '';
		for (const block of blocks) {
			this.#block(block);
			if (this.#stopAfter < Infinity && this.#topicEvents() >= this.#stopAfter) return this.close();
		}
	}

	#block(block: string): void {
		let event = 'message';
		let data: string | null = null;
		for (const line of block.split('\n')) {
			const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/.exec(line) ?? [];
			if (field === 'id') this.cursor = value;
			else if (field === 'event') event = value;
			else if (field === 'data') data = value;
		}
		if (data !== null) this.received.push({ id: this.cursor, event, data: JSON.parse(data) });
	}
}

const CONTROL = new Set(['caught-up', 'gap', 'keep-alive', 'timeout', 'signed-out']);
