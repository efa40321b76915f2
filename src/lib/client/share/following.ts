import { compareIds } from '../../protocol/index.ts';
import type { Message, Place } from './messages.ts';
import { meets, type Needs } from './needs.ts';

/** A leader that is silent for this long is asked whether it is there: at random between these. Milliseconds. */
const SILENCE = { least: 2_000, most: 3_000 };
/** A leader that has not answered by then does not lead any more: its page is frozen. Milliseconds. */
const PATIENCE = 5_000;
/** A timer that fires this late means that this page itself stood still. Milliseconds. */
const LATE = 1_000;

export interface FollowingEvents {
	/** Asks the leader whether it is there. */
	ping(place: Place): void;
	/** The leader does not answer. */
	silent(): void;
	/** Another leader is followed now. */
	changed(): void;
}

/**
 * A place in the broadcast of a leader. It accepts a block only when it is the next one.
 *
 * The rule for a leader's stream that begins: it sends everything that is owed after its cursor q. A tab at p has handled
 * everything that is owed up to p. So a tab may take that stream from its first block on if p ≥ q.
 */
export class Following {
	readonly #needs: Needs;
	/** What the leader's stream carries. */
	#carried: Needs;
	readonly #events: FollowingEvents;
	#place: Place;
	/** The position of the leader's stream. */
	#reached: string;
	/** How far this tab had come by itself when the leader's stream began for it. */
	#own: string;
	#timer: ReturnType<typeof setTimeout> | undefined;

	/**
	 * @param from where the leader's stream was
	 * @param own how far this tab has come by itself: at least as far
	 */
	constructor(
		from: Place & { position: string; needs: Needs },
		own: string,
		needs: Needs,
		events: FollowingEvents
	) {
		this.#place = from;
		this.#carried = from.needs;
		this.#reached = from.position;
		this.#own = own;
		this.#needs = needs;
		this.#events = events;
		this.#listen();
	}

	/**
	 * True while the leader's stream tells what this tab has passed already. A topic that is opened or closed now may have been
	 * closed or opened again since.
	 */
	get isBehind(): boolean {
		return compareIds(this.#reached, this.#own) < 0;
	}

	/** What the leader's stream names. No wildcard brings a topic that is named there, so the stream does not announce it. */
	get names(): readonly string[] {
		return this.#carried.names;
	}

	/** The leader's stream has come to an id. */
	reach(id: string): void {
		if (compareIds(id, this.#reached) > 0) this.#reached = id;
	}

	/**
	 * @param position everything that is owed up to here has been handled
	 * @returns `take` for the next block; `skip` for what does not matter; `broken` when blocks may be missing
	 */
	judge(message: Message, position: string): 'take' | 'skip' | 'broken' {
		if (!('n' in message) || message.kind === 'welcome') return 'skip';
		const { group, leader, n } = message;
		if (group !== this.#place.group || leader < this.#place.leader) return 'skip';
		if (message.kind === 'start') {
			const isNext = leader > this.#place.leader || n === this.#place.n;
			const { position: from, needs } = message;
			const isOwed = from !== null && compareIds(position, from) >= 0;
			if (!isNext || !isOwed || !meets(needs, this.#needs)) return 'broken';
			this.#carried = needs;
			this.#reached = from;
			this.#own = position;
			const changed = leader !== this.#place.leader;
			this.#moveTo(message);
			if (changed) this.#events.changed();
			return 'skip';
		}
		if (leader !== this.#place.leader || message.kind === 'end') return 'broken';
		if (n !== this.#place.n + (message.kind === 'block' ? 1 : 0)) return 'broken';
		this.#moveTo(message);
		return message.kind === 'block' ? 'take' : 'skip';
	}

	end(): void {
		clearTimeout(this.#timer);
	}

	#moveTo({ group, leader, n }: Place): void {
		this.#place = { group, leader, n };
		this.#listen();
	}

	#listen(): void {
		const { least, most } = SILENCE;
		this.#after(least + Math.random() * (most - least), () => this.#ask());
	}

	#ask(): void {
		this.#events.ping(this.#place);
		const due = Date.now() + PATIENCE;
		this.#after(PATIENCE, () => {
			if (Date.now() - due > LATE) return this.#ask();
			this.#listen();
			this.#events.silent();
		});
	}

	#after(wait: number, run: () => void): void {
		clearTimeout(this.#timer);
		this.#timer = setTimeout(run, wait);
	}
}
