import { createHash } from 'node:crypto';
import type { Chunk } from './sink.ts';

/** A live subscriber, as the hub sees it. */
export interface Member {
	readonly userId: string;
	/** Sorted. Read when the member attaches; what changes later counts from the next time it attaches. */
	readonly topics: readonly string[];
	/**
	 * Takes the frames of one batch, joined into chunks.
	 *
	 * @param before position of the member before this batch: the member catches up from here when it cannot take more
	 */
	deliver(chunks: readonly Chunk[], before: bigint): void;
	/** Takes signals if there is room for them. */
	signal(chunks: readonly Chunk[]): void;
	/**
	 * An event after this position, which the member may still be owed, was trimmed. The member catches up from the log from
	 * here, and the log sends the `gap`. It does not get this batch from the hub.
	 */
	goBack(before: bigint): void;
}

/** A member, from its attach to its detach. */
export interface Attached {
	readonly member: Member;
	readonly userId: string;
	readonly group: Group;
	/** Number of the last batch that it has, or must not get. */
	batch: number;
}

/** Live members with the same set of topics. */
export interface Group {
	readonly key: string;
	readonly topics: readonly LiveTopic[];
	readonly attached: Set<Attached>;
}

/** A topic that live members are subscribed to. */
export interface LiveTopic {
	readonly name: string;
	readonly groups: Set<Group>;
}

const NOBODY: ReadonlySet<Attached> = new Set();

/** The live members, found by topic and by user: what a batch does not concern costs it nothing. */
export class Groups {
	readonly #byKey = new Map<string, Group>();
	readonly #byTopic = new Map<string, LiveTopic>();
	readonly #byUser = new Map<string, Set<Attached>>();
	readonly #byMember = new Map<Member, Attached>();

	/** Number of members. */
	get size(): number {
		return this.#byMember.size;
	}

	/** @returns undefined when no member is subscribed to the topic */
	topic(name: string): LiveTopic | undefined {
		return this.#byTopic.get(name);
	}

	ofUser(userId: string): ReadonlySet<Attached> {
		return this.#byUser.get(userId) ?? NOBODY;
	}

	/** @param batch number of the last batch that the member has */
	attach(member: Member, batch: number): void {
		// Twice would be twice every event.
		this.detach(member);
		const { userId, topics } = member;
		const key = keyOf(topics);
		let group = this.#byKey.get(key);
		if (!group) this.#byKey.set(key, (group = this.#create(key, topics)));
		const attached = { member, userId, group, batch };
		group.attached.add(attached);
		this.#byMember.set(member, attached);
		const own = this.#byUser.get(userId);
		if (own) own.add(attached);
		else this.#byUser.set(userId, new Set([attached]));
	}

	/** Does nothing when the member is not attached. */
	detach(member: Member): void {
		const attached = this.#byMember.get(member);
		if (!attached) return;
		this.#byMember.delete(member);
		// The topics of the member may be others by now, so its group is not looked up by them.
		const { group, userId } = attached;
		group.attached.delete(attached);
		if (group.attached.size === 0) this.#remove(group);
		const own = this.#byUser.get(userId);
		own?.delete(attached);
		if (own?.size === 0) this.#byUser.delete(userId);
	}

	#create(key: string, names: readonly string[]): Group {
		const topics = names.map((name) => {
			let topic = this.#byTopic.get(name);
			if (!topic) this.#byTopic.set(name, (topic = { name, groups: new Set() }));
			return topic;
		});
		const group = { key, topics, attached: new Set<Attached>() };
		for (const topic of topics) topic.groups.add(group);
		return group;
	}

	#remove(group: Group): void {
		this.#byKey.delete(group.key);
		for (const topic of group.topics) {
			topic.groups.delete(group);
			if (topic.groups.size === 0) this.#byTopic.delete(topic.name);
		}
	}
}

/** Names that are shorter together than this are their own key. */
const SHORT = 64;

/**
 * Returns the same key for the same topics. A thousand names are 20 kB, so a digest stands for them. It has a `=`, which no
 * topic has, so it is never the names of other topics.
 */
function keyOf(topics: readonly string[]): string {
	const names = topics.join('\n');
	return names.length < SHORT ? names : createHash('sha256').update(names).digest('base64');
}
