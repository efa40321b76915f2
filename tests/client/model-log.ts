/** What the log keeps. `granted` and `revoked` open and close a room for the user. */
export interface Entry {
	id: number;
	kind: 'event' | 'granted' | 'revoked';
	topic: string;
}

/** A small model of the log, for one user. */
export class ModelLog {
	entries: Entry[] = [];
	readonly halls = new ModelHalls();
	/** Subscriptions take ids, too. */
	head = 0;
	epoch = 1;

	append(topic: string): void {
		this.#add('event', topic);
	}

	grant(topic: string): void {
		if (this.grantOf(topic) === null) this.#add('granted', topic);
	}

	revoke(topic: string): void {
		if (this.grantOf(topic) !== null) this.#add('revoked', topic);
	}

	/** Returns the ids of a topic's events that the user may see now. */
	ids(topic: string): string[] {
		if (isRoom(topic) && this.grantOf(topic) === null) return [];
		const events = this.entries.filter((entry) => entry.kind === 'event' && entry.topic === topic);
		return events.map(({ id }) => String(id));
	}

	/** @returns the id of the grant that opens the room now; null: it is closed */
	grantOf(topic: string): number | null {
		const last = this.entries.findLast((entry) => entry.topic === topic && entry.kind !== 'event');
		return last?.kind === 'granted' ? last.id : null;
	}

	/** @returns true when the room was closed at some moment after the cursor */
	wasClosedAfter(topic: string, cursor: number): boolean {
		return this.entries.some(
			(entry) => entry.kind === 'revoked' && entry.topic === topic && entry.id > cursor
		);
	}

	/** Rooms that the user was ever granted. */
	get rooms(): string[] {
		const granted = this.entries.filter(({ kind }) => kind === 'granted');
		return [...new Set(granted.map(({ topic }) => topic))];
	}

	/** Goes back to an earlier state, like a restore from backup. */
	restore(head: number): void {
		this.head = head;
		this.entries = this.entries.filter(({ id }) => id <= head);
		this.epoch += 1;
	}

	#add(kind: Entry['kind'], topic: string): void {
		this.head += 1;
		this.entries.push({ id: this.head, kind, topic });
	}
}

/** Scopes in which people are present. */
export const HALLS = ['halls/1', 'halls/2', 'halls/3'];

/** Who is present, as the server knows. It is not part of the log. */
export class ModelHalls {
	readonly #present = new Map(HALLS.map((hall) => [hall, new Set<string>()]));
	readonly #closed = new Set<string>();

	/** Somebody comes, or goes. */
	toggle(hall: string, id: string): void {
		const present = this.#present.get(hall)!;
		if (!present.delete(id)) present.add(id);
	}

	/** The user may not be there any more, or may be there again. */
	toggleDoor(hall: string): void {
		if (!this.#closed.delete(hall)) this.#closed.add(hall);
	}

	/** @returns ids, sorted; null: the user may not be there */
	in(hall: string): string[] | null {
		return this.#closed.has(hall) ? null : [...this.#present.get(hall)!].sort();
	}
}

/** @returns true when the user needs a grant for the topic */
export const isRoom = (topic: string): boolean => topic.startsWith('rooms/');
