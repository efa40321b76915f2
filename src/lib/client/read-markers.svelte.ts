import { asUser, compareIds, type ReadMarker } from '../protocol/index.ts';
import { readMarker } from './control.ts';
import { refusalOf } from './refusal.ts';

/** A longer request is given up, in milliseconds. To send it again is harmless. */
const TIMEOUT = 15_000;

/** How far the user has read each topic, as far as this client knows. */
export class ReadMarkers {
	#shown = $state.raw<Readonly<Record<string, ReadMarker>>>({});
	readonly #known = new Map<string, ReadMarker>();
	readonly #url: string;
	readonly #fetch: () => typeof fetch;
	readonly #user: () => string | null;
	readonly #onRead: (marker: ReadMarker) => void;

	/**
	 * @param options.first server-rendered markers
	 * @param options.user returns the id of the user whose markers they are; null: not known yet
	 * @param options.onRead called with each marker that is new or has changed
	 */
	constructor(options: {
		first: Readonly<Record<string, ReadMarker>>;
		url: string;
		fetch: () => typeof fetch;
		user: () => string | null;
		onRead: (marker: ReadMarker) => void;
	}) {
		for (const marker of Object.values(options.first)) this.#known.set(marker.topic, marker);
		this.#url = options.url;
		this.#fetch = options.fetch;
		this.#user = options.user;
		this.#onRead = options.onRead;
		this.#show();
	}

	get shown(): Readonly<Record<string, ReadMarker>> {
		return this.#shown;
	}

	/** Keeps the larger of two markers: the answer to a request and the stream may overtake each other. */
	take(marker: ReadMarker): void {
		const { topic, id, unread } = marker;
		const present = this.#known.get(topic);
		if (present && compareIds(id, present.id) < 0) return;
		if (present?.id === id && present.unread === unread) return;
		this.#known.set(topic, marker);
		this.#show();
		this.#onRead(marker);
	}

	/** The viewer may not see the topic any more. */
	forget(topic: string): void {
		if (this.#known.delete(topic)) this.#show();
	}

	/**
	 * Asks the server to move a marker. What would not move it is not sent. It does not move the marker of another user who
	 * has signed in meanwhile.
	 *
	 * @param id null: nothing to move to
	 * @throws StreamRefused; any error of `fetch`; Error when the answer is not a marker
	 */
	async move(topic: string, id: string | null): Promise<ReadMarker | null> {
		const present = this.#known.get(topic) ?? null;
		if (id === null || (present && compareIds(id, present.id) <= 0)) return present;
		const user = this.#user();
		const url = user === null ? this.#url : asUser(this.#url, user);
		const response = await this.#fetch()(url, {
			method: 'POST',
			headers: { 'content-type': 'application/json' },
			body: JSON.stringify({ topic, id }),
			signal: AbortSignal.timeout(TIMEOUT)
		});
		if (!response.ok) throw await refusalOf(response);
		const marker = readMarker(await response.json());
		if (!marker) throw new Error(`The answer of ${this.#url} is not a read marker`);
		this.take(marker);
		return marker;
	}

	#show(): void {
		this.#shown = Object.fromEntries(this.#known);
	}
}
