import { compareIds, CONTROL } from '../../protocol/index.ts';
import { isID, readDenied, readMarker, readSubscribed } from '../control.ts';
import { isClosed } from '../subscriptions.ts';
import type { Message, Place } from './messages.ts';

/** Blocks that concern only the leader's own connection. */
const OWN: ReadonlySet<string> = new Set([CONTROL.caughtUp, CONTROL.timeout]);

/** The broadcast of a leader: every block of its stream, numbered. */
export class Lead {
	readonly group: string;
	readonly leader: string;
	readonly #post: (message: Message) => void;
	readonly #lacks = new Set<string>();
	readonly #reads: Map<string, string>;
	#names: readonly string[] = [];
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
		now: { position: string; reads: Map<string, string> }
	) {
		this.group = group;
		this.leader = leader;
		this.#post = post;
		this.#position = now.position;
		this.#reads = now.reads;
	}

	get names(): readonly string[] {
		return this.#names;
	}

	/**
	 * Its stream begins.
	 *
	 * @param position the cursor of the request; null: it has begun earlier
	 */
	start(names: readonly string[], position: string | null): void {
		this.#names = names;
		this.#lacks.clear();
		if (position !== null) this.#position = position;
		this.#post({ kind: 'start', ...this.#place, names, position });
	}

	/** Its stream has sent a block. */
	pass(name: string, id: string, data: string): void {
		if (isID(id) && compareIds(id, this.#position) > 0) this.#position = id;
		if (OWN.has(name)) return;
		this.#note(name, data);
		this.#n += 1;
		this.#post({ kind: 'block', ...this.#place, name, id, data });
	}

	welcome(to: string): void {
		const [names, lacks, position] = [this.#names, [...this.#lacks], this.#position];
		const reads = [...this.#reads.values()];
		this.#post({ kind: 'welcome', ...this.#place, to, names, lacks, position, reads });
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

	/** Remembers what a tab that comes later must know. */
	#note(name: string, data: string): void {
		if (name === CONTROL.denied) {
			const denied = readDenied(JSON.parse(data));
			if (!denied) return;
			if (isClosed(denied)) this.#reads.delete(denied.topic);
			else this.#lacks.add(denied.topic);
		} else if (name === CONTROL.subscribed) {
			this.#lacks.delete(readSubscribed(JSON.parse(data))?.topic ?? '');
		} else if (name === CONTROL.read) {
			const marker = readMarker(JSON.parse(data));
			if (marker) this.#reads.set(marker.topic, data);
		}
	}
}
