import type { Group, Groups, LiveTopic } from './groups.ts';
import { join, type Chunk } from './sink.ts';
import type { Framed } from './window.ts';

/** The events of a batch that some members get. All of them get the same bytes. */
export class Portion {
	/** In id order. */
	events: Framed[] = [];
	#chunks: readonly Chunk[] | null = null;

	/** The frames of the events, joined when the first member takes them. */
	get chunks(): readonly Chunk[] {
		return (this.#chunks ??= join(this.events));
	}
}

/** Who gets what of a batch. */
export interface Portions {
	/** The events for everyone. Groups that get the same ones have the same portion. */
	shared: ReadonlyMap<Group, Portion>;
	/** By user and group, for users with events of their own: these and the shared ones of the group. */
	own: ReadonlyMap<string, ReadonlyMap<Group, Portion>>;
}

/**
 * Divides a batch among the live members, by the rule of `maySee`. It finds the receivers of each event by its topic or its
 * user, and does not look at anybody else.
 */
export function divide(batch: readonly Framed[], groups: Groups): Portions {
	const own = new Map<string, Map<Group, Portion>>();
	const forEveryone: { event: Framed; topic: LiveTopic }[] = [];
	for (const event of batch) {
		const topic = groups.topic(event.topic);
		if (!topic) continue;
		if (event.userId === null) forEveryone.push({ event, topic });
		else addOwn(own, event, event.userId, topic, groups);
	}
	const shared = share(forEveryone);
	if (shared.size > 0) {
		for (const portions of own.values()) {
			for (const [group, portion] of portions) {
				const others = shared.get(group);
				if (others) portion.events = merge(others.events, portion.events);
			}
		}
	}
	return { shared, own };
}

function addOwn(
	own: Map<string, Map<Group, Portion>>,
	event: Framed,
	userId: string,
	topic: LiveTopic,
	groups: Groups
): void {
	for (const { group } of groups.ofUser(userId)) {
		if (!topic.groups.has(group)) continue;
		let portions = own.get(userId);
		if (!portions) own.set(userId, (portions = new Map<Group, Portion>()));
		let portion = portions.get(group);
		if (!portion) portions.set(group, (portion = new Portion()));
		// The user may have more members in this group.
		if (portion.events[portion.events.length - 1] !== event) portion.events.push(event);
	}
}

/**
 * Gives each group its portion of the events for everyone. Most groups of a large topic differ in topics that the batch does
 * not have: they get the same events, so these are listed and joined once, and not once for each group.
 */
function share(events: readonly { event: Framed; topic: LiveTopic }[]): Map<Group, Portion> {
	const takers = new Map<LiveTopic, Set<Portion>>();
	for (const { topic } of events) if (!takers.has(topic)) takers.set(topic, new Set());
	const shared = new Map<Group, Portion>();
	for (const topic of takers.keys()) {
		// Groups that had the same portion until now and have this topic, too, have the same portion again.
		const next = new Map<Portion | undefined, Portion>();
		for (const group of topic.groups) {
			const last = shared.get(group);
			let portion = next.get(last);
			if (!portion) next.set(last, (portion = new Portion()));
			shared.set(group, portion);
		}
	}
	for (const [topic, portions] of takers) {
		for (const group of topic.groups) portions.add(shared.get(group)!);
	}
	for (const { event, topic } of events) {
		for (const portion of takers.get(topic)!) portion.events.push(event);
	}
	return shared;
}

/** Merges two lists that are in id order. */
function merge(a: readonly Framed[], b: readonly Framed[]): Framed[] {
	const merged: Framed[] = [];
	let i = 0;
	for (const event of b) {
		while (i < a.length && a[i]!.id < event.id) merged.push(a[i++]!);
		merged.push(event);
	}
	while (i < a.length) merged.push(a[i++]!);
	return merged;
}
