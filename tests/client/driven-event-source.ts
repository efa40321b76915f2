import type { EventSourceLike } from '../../src/lib/client/index.ts';

/** An EventSource without a network. The test acts as the server, in exactly the tick it wants. */
export class DrivenEventSource extends EventTarget implements EventSourceLike {
	static all: DrivenEventSource[] = [];
	readyState = 0;
	readonly query: URLSearchParams;
	#lastID = '';

	constructor(url: string) {
		super();
		this.query = new URL(url, 'http://localhost').searchParams;
		DrivenEventSource.all.push(this);
	}

	/** The newest instance. */
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

	/**
	 * Delivers an event, even after `close`, like a browser that had queued the event.
	 *
	 * @param id '': the block has no id. Then the event carries the last one, as the standard says.
	 */
	emit(name: string, id: string | number, data: unknown): this {
		if (id !== '') this.#lastID = String(id);
		const text = typeof data === 'string' ? data : JSON.stringify(data);
		this.dispatchEvent(new MessageEvent(name, { data: text, lastEventId: this.#lastID }));
		return this;
	}

	/** Delivers a block that has only an id. It fires no event. */
	bare(id: string | number): void {
		this.#lastID = String(id);
	}

	/** @param readyState 0: network error; 2: HTTP error */
	fail(readyState: 0 | 2 = 0): this {
		this.readyState = readyState;
		this.dispatchEvent(new Event('error'));
		return this;
	}

	close(): void {
		this.readyState = 2;
	}
}
