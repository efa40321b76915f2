/** One thing that a client did or received, in order. `at`: ticket of `Heads`, taken when it arrived. */
export type Entry =
	/** Its topics and wildcards from now on, with their counts. `fresh`: it knows nothing of their topics. */
	| {
			kind: 'asks';
			names: ReadonlyMap<string, number>;
			fresh: ReadonlySet<string>;
			cursor: number;
	  }
	/** `low`: every event up to this id was committed before the request was sent. */
	| { kind: 'connects'; cursor: number; low: number }
	| { kind: 'event'; topic: string; id: number; tag: string; at: number }
	/** A block with an id and without an event of a topic. */
	| { kind: 'cursor'; id: number; at: number }
	| { kind: 'denied'; topic: string; reason: string; at: number }
	| { kind: 'subscribed'; topic: string; at: number }
	| { kind: 'gap'; topic: string; after: number; at: number; time: number };

/** What one client saw. */
export class RoomJournal {
	readonly entries: Entry[] = [];
	/** Messages that it should not have got. */
	readonly falseAlarms: string[] = [];
	/** When it last received `caught-up`, in milliseconds of `performance.now()`. */
	caughtUpAt = -Infinity;

	/**
	 * @param how `wire`: each block of the stream is here, with repeated ones. `handlers`: only what our client handed over.
	 */
	constructor(
		readonly name: string,
		/** In `client=`. */
		readonly client: string,
		readonly userId: string,
		readonly how: 'wire' | 'handlers'
	) {}

	note(entry: Entry): void {
		this.entries.push(entry);
	}

	count(kind: Entry['kind']): number {
		return this.entries.filter((entry) => entry.kind === kind).length;
	}

	hasSeen(tag: string): boolean {
		return this.entries.some((entry) => entry.kind === 'event' && entry.tag === tag);
	}
}
