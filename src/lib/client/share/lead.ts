import { compareIds, CONTROL } from '../../protocol/index.ts';
import { isID } from '../control.ts';
import type { Message, Place } from './messages.ts';
import { NOTHING, type Needs } from './needs.ts';
import { Standing } from './standing.ts';

/** Blocks that concern only the leader's own connection. */
const OWN: ReadonlySet<string> = new Set([CONTROL.caughtUp, CONTROL.timeout]);

/** The broadcast of a leader: every block of its stream, numbered. */
export class Lead {
	readonly group: string;
	readonly leader: string;
	readonly #post: (message: Message) => void;
	#standing: Standing;
	#needs: Needs = NOTHING;
	#position: string;
	#n = 0;

	/**
	 * @param leader see `nextLeader`
	 * @param now what its stream has sent so far
	 */
	constructor(
		group: string,
		leader: string,
		post: (message: Message) => void,
		now: { position: string; standing: Standing }
	) {
		this.group = group;
		this.leader = leader;
		this.#post = post;
		this.#position = now.position;
		this.#standing = now.standing.copy();
	}

	/** What its stream carries, for this tab and for others. */
	get needs(): Needs {
		return this.#needs;
	}

	/**
	 * Its stream begins.
	 *
	 * @param position the cursor of the request; null: it has begun earlier
	 */
	start({ names, presence, state }: Needs, position: string | null): void {
		this.#needs = { names, presence, state };
		if (position !== null) {
			this.#position = position;
			// The new stream says all of it itself.
			this.#standing = new Standing(presence);
		}
		this.#post({ kind: 'start', ...this.#place, needs: this.#needs, position });
	}

	/** Its stream has sent a block. */
	pass(name: string, id: string, data: string): void {
		if (isID(id) && compareIds(id, this.#position) > 0) this.#position = id;
		if (OWN.has(name)) return;
		this.#standing.take(name, data);
		this.#n += 1;
		this.#post({ kind: 'block', ...this.#place, name, id, data });
	}

	welcome(to: string): void {
		const [needs, position] = [this.#needs, this.#position];
		const { lacks, blocks: standing } = this.#standing;
		this.#post({ kind: 'welcome', ...this.#place, to, needs, lacks, position, standing });
	}

	pong(): void {
		this.#post({ kind: 'pong', ...this.#place });
	}

	/** Nobody can rely on the broadcast any more. */
	end(): void {
		this.#post({ kind: 'end', ...this.#place });
	}

	get #place(): Place {
		return { group: this.group, leader: this.leader, n: this.#n };
	}
}
