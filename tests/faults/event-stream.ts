import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { SILENCE_MS } from './timing.ts';

/** One block of an event stream, parsed as in the HTML standard. */
export interface Block {
	/** null: the block has no id field. */
	id: string | null;
	event: string;
	/** null: the block has no data, so it is no event. */
	data: string | null;
}

export interface EventStreamEvents {
	onStatus(status: number, body: string): void;
	onBlock(block: Block): void;
	/** Called once when it ends, for any reason. Not called after `close`. */
	onEnd(): void;
}

/** One connection that reads a stream. It ends when nothing arrives for too long. */
export class EventStream {
	readonly #request: ClientRequest;
	readonly #events: EventStreamEvents;
	#response: IncomingMessage | null = null;
	#rest = '';
	#ended = false;
	#silence: NodeJS.Timeout | undefined;
	#paused: NodeJS.Timeout | undefined;

	constructor(url: string, headers: Record<string, string>, events: EventStreamEvents) {
		this.#events = events;
		this.#request = request(url, { agent: false, headers }, (response) => this.#answered(response));
		this.#request.on('error', () => this.#over());
		this.#request.end();
		this.#heard();
	}

	/**
	 * Stops reading from the socket for `ms` milliseconds.
	 *
	 * @returns false when there is no open response
	 */
	pause(ms: number): boolean {
		if (this.#ended || !this.#response) return false;
		clearTimeout(this.#silence);
		clearTimeout(this.#paused);
		this.#response.pause();
		this.#paused = setTimeout(() => this.resume(), ms);
		return true;
	}

	resume(): void {
		if (this.#ended) return;
		clearTimeout(this.#paused);
		this.#response?.resume();
		this.#heard();
	}

	/** Closes it without calling `onEnd`. Bytes that have arrived but were not read are lost. */
	close(): void {
		this.#ended = true;
		clearTimeout(this.#silence);
		clearTimeout(this.#paused);
		this.#request.destroy();
	}

	#answered(response: IncomingMessage): void {
		this.#response = response;
		const status = response.statusCode ?? 0;
		let body = '';
		if (status === 200) this.#events.onStatus(200, '');
		response.setEncoding('utf8');
		response.on('data', (text: string) => {
			this.#heard();
			if (status === 200) this.#take(text);
			else body += text;
		});
		response.on('error', () => this.#over());
		response.on('close', () => {
			if (status !== 200 && !this.#ended) this.#events.onStatus(status, body);
			this.#over();
		});
	}

	#take(text: string): void {
		const blocks = (this.#rest + text).split('\n\n');
		this.#rest = blocks.pop() ?? '';
		for (const block of blocks) {
			if (this.#ended) return;
			this.#events.onBlock(parse(block));
		}
	}

	#heard(): void {
		if (this.#ended) return;
		clearTimeout(this.#silence);
		this.#silence = setTimeout(() => {
			this.#request.destroy();
			this.#over();
		}, SILENCE_MS);
	}

	#over(): void {
		if (this.#ended) return;
		this.close();
		this.#events.onEnd();
	}
}

function parse(text: string): Block {
	const block: Block = { id: null, event: 'message', data: null };
	for (const line of text.split('\n')) {
		const colon = line.indexOf(': ');
		const field = line.slice(0, colon);
		const value = line.slice(colon + 2);
		if (field === 'id') block.id = value;
		else if (field === 'event') block.event = value;
		else if (field === 'data') block.data = value;
	}
	return block;
}
