/** What one subscription of a reader (a topic, from when it was added until it was removed) has handed to its handler. */
export interface Track {
	readonly topic: string;
	/** Everything after it is owed; 0: everything. */
	readonly start: number;
	/** In the order in which the handler saw them. */
	readonly ids: number[];
	readonly tags: string[];
	/** Whether it is still subscribed: then everything up to the end of the log is owed, else up to what it saw last. */
	open: boolean;
}

/** What a reader saw and did. Nothing is judged here but what can only be judged at once. */
export class Journal {
	readonly name: string;
	readonly userId: string;
	readonly tracks: Track[] = [];
	/** Things told that were not true: `gap`, `signed-out`, a refusal. */
	readonly falseAlarms: string[] = [];
	/** Times that old history moved a client's cursor back and left it there. */
	readonly cursorsMovedBack: string[] = [];
	/** Within one connection, an event behind a later one of its topic. */
	readonly disorder: string[] = [];
	connections = 0;
	/** When it was last told that it has caught up, in milliseconds of `performance.now()`. */
	caughtUpAt = -Infinity;
	readonly #current = new Map<string, Track>();

	constructor(name: string, userId: string) {
		this.name = name;
		this.userId = userId;
	}

	get delivered(): number {
		return this.tracks.reduce((sum, track) => sum + track.ids.length, 0);
	}

	/** A subscription begins. */
	open(topic: string, start = 0): void {
		this.close(topic);
		const track = { topic, start, ids: [], tags: [], open: true };
		this.tracks.push(track);
		this.#current.set(topic, track);
	}

	/** A subscription ends. */
	close(topic: string): void {
		const track = this.#current.get(topic);
		if (track) track.open = false;
		this.#current.delete(topic);
	}

	closeAll(): void {
		for (const topic of [...this.#current.keys()]) this.close(topic);
	}

	/** An event came with this data as text. */
	received(topic: string, id: string, text: string): void {
		try {
			this.saw(topic, id, JSON.parse(text));
		} catch (error) {
			this.falseAlarms.push(`${topic} ${id} is not JSON: ${String(error)}`);
		}
	}

	/** The handler of a topic was called. */
	saw(topic: string, id: string, data: unknown): void {
		const track = this.#current.get(topic);
		if (!track) {
			this.falseAlarms.push(`an event of "${topic}", which is not subscribed to`);
			return;
		}
		track.ids.push(Number(id));
		track.tags.push((data as { tag?: string } | null)?.tag ?? '');
	}

	/** Whether the handlers have seen this event in the current subscription. */
	hasSeen(topic: string, tag: string): boolean {
		return this.#current.get(topic)?.tags.includes(tag) ?? false;
	}

	/** Topics subscribed to. */
	get topics(): string[] {
		return [...this.#current.keys()];
	}
}
