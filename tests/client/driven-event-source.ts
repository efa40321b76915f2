import type { EventSourceLike } from '../../src/lib/client/index.ts';

/** An EventSource without a network: a test speaks for the server, in the very tick it wants. */
export class DrivenEventSource extends EventTarget implements EventSourceLike {
	static all: DrivenEventSource[] = [];
	readyState = 0;
	readonly query: URLSearchParams;

	constructor(url: string) {
		super();
		this.query = new URL(url, 'http://localhost').searchParams;
		DrivenEventSource.all.push(this);
	}

	/** The newest one. */
	static get last(): DrivenEventSource {
		return DrivenEventSource.all.at(-1)!;
	}

	get cursor(): string | null {
		return this.query.get('lastEventID');
	}

	get topics(): string[] {
		return this.query.getAll('topics');
	}

	open(): this {
		this.readyState = 1;
		this.dispatchEvent(new Event('open'));
		return this;
	}

	/** Delivers, even after `close`, as a browser may that had the event queued. */
	emit(name: string, id: string | number, data: unknown): this {
		const text = typeof data === 'string' ? data : JSON.stringify(data);
		this.dispatchEvent(new MessageEvent(name, { data: text, lastEventId: String(id) }));
		return this;
	}

	/** @param readyState 0: the network failed; 2: an HTTP error */
	fail(readyState: 0 | 2 = 0): this {
		this.readyState = readyState;
		this.dispatchEvent(new Event('error'));
		return this;
	}

	close(): void {
		this.readyState = 2;
	}
}
