import { compareIds, CONTROL, isWildcard } from '../../protocol/index.ts';
import { readCaughtUp, readDenied, readMarker, readSubscribed } from '../control.ts';
import { isClosed } from '../subscriptions.ts';
import { mayLack, overlap } from './names.ts';
import type { Needs } from './needs.ts';
import type { Said } from './standing.ts';

/** Control events about one topic. */
const ABOUT_TOPIC: ReadonlySet<string> = new Set([CONTROL.gap, CONTROL.ended]);
const CONTROLS: ReadonlySet<string> = new Set(Object.values(CONTROL));

/** What a tab sees of a stream that carries also the topics of others. */
export class TabView {
	readonly #names: readonly string[];
	readonly #scopes: readonly string[];
	/** Topics that wildcards have brought. */
	readonly #brought = new Set<string>();
	/** Topics that were denied, and of which nothing has come since. */
	readonly #denied = new Set<string>();
	/** Topic → id of the last marker that was told. */
	readonly #reads = new Map<string, string>();
	/** Names whose topics are of signals. */
	#signals: readonly string[] = [];

	constructor({ names, presence }: Needs) {
		this.#names = names;
		this.#scopes = presence;
	}

	/** @param topic a topic or a wildcard */
	concerns(topic: string): boolean {
		return this.#names.some((name) => overlap(name, topic));
	}

	/** @returns the data of the block as the tab sees it; null: it is not for this tab */
	show(name: string, data: string): string | null {
		if (name === CONTROL.subscribed) return this.#subscribed(data);
		if (name === CONTROL.denied) {
			const isPresence = this.#scopes.includes(this.topicOf(data));
			return isPresence || this.#isDenied(data) ? data : null;
		}
		if (name === CONTROL.read) {
			const topic = this.topicOf(data);
			return this.concerns(topic) && !this.#denied.has(topic) ? data : null;
		}
		if (ABOUT_TOPIC.has(name)) return this.concerns(this.topicOf(data)) ? data : null;
		if (!CONTROLS.has(name)) return this.concerns(name) ? data : null;
		return name === CONTROL.caughtUp ? this.#caughtUp(data) : data;
	}

	/**
	 * @returns true for what a stream of this tab alone would say of its topics. That a name is forbidden or unknown, it says to
	 *   who asked for that name. Of what a wildcard brings, it says that it was closed, or has no room.
	 */
	#isDenied(data: string): boolean {
		const denied = readDenied(JSON.parse(data));
		if (!denied) return true;
		const { topic, reason } = denied;
		if (this.#names.includes(topic)) return true;
		return this.concerns(topic) && (reason === 'revoked' || reason === 'too_many');
	}

	/**
	 * @returns data of `subscribed`, for a topic that only wildcards of the tab bring: it must be told before the topic's first
	 *   event; null: it must not be told
	 */
	announcement(topic: string): string | null {
		if (this.#names.includes(topic)) return null;
		const pattern = this.#names.find((name) => overlap(name, topic) && !this.#denied.has(name));
		return pattern === undefined ? null : JSON.stringify({ topic, pattern });
	}

	#subscribed(data: string): string | null {
		const said = readSubscribed(JSON.parse(data));
		const isOwn = said && this.#names.includes(said.pattern) && !this.#names.includes(said.topic);
		return isOwn ? data : this.announcement(this.topicOf(data));
	}

	/** A block was handed over. */
	note(name: string, data: string): void {
		if (name === CONTROL.caughtUp) {
			this.#signals = readCaughtUp(JSON.parse(data))?.signals ?? [];
		} else if (name === CONTROL.read) {
			const marker = readMarker(JSON.parse(data));
			if (marker) this.#reads.set(marker.topic, marker.id);
		} else if (name === CONTROL.denied) {
			this.#brought.delete(this.topicOf(data));
			this.#denied.add(this.topicOf(data));
		} else if (name === CONTROL.subscribed) {
			this.#brought.add(this.topicOf(data));
			this.#denied.delete(this.topicOf(data));
		} else {
			this.#denied.delete(name);
		}
	}

	/** @returns true for a block that opens or closes a topic of this tab */
	changesTopics(name: string, data: string): boolean {
		if (name !== CONTROL.denied && name !== CONTROL.subscribed) return false;
		if (name === CONTROL.denied) return this.#isDenied(data);
		const topic = this.topicOf(data);
		return this.concerns(topic) && !this.#carries(topic);
	}

	/** @returns true for an event of a topic that was not opened for this tab */
	isUnexpected(name: string): boolean {
		return !CONTROLS.has(name) && this.concerns(name) && !this.#carries(name);
	}

	#carries(topic: string): boolean {
		return this.#brought.has(topic) || (this.#names.includes(topic) && !this.#denied.has(topic));
	}

	/**
	 * @param carried what the leader's stream names
	 * @returns true for a `denied` after which events of this tab may be missing on the leader's stream alone
	 */
	isLacking(name: string, data: string, carried: readonly string[]): boolean {
		const denied = name === CONTROL.denied ? readDenied(JSON.parse(data)) : null;
		if (!denied || (isClosed(denied) && !isWildcard(denied.topic))) return false;
		return mayLack(carried, denied.topic, this.#names);
	}

	/**
	 * @returns true for what the server tells every stream that is open, not in its place in the log, if the tab's own stream has
	 *   told it
	 */
	isTold(name: string, data: string): boolean {
		if (name !== CONTROL.read) return this.#isSignal(name);
		const marker = readMarker(JSON.parse(data));
		const told = marker && this.#reads.get(marker.topic);
		return told != null && compareIds(marker!.id, told) <= 0;
	}

	/** @returns true when the tab's own stream must still tell a marker that the leader knows */
	awaitsMarker(standing: readonly Said[]): boolean {
		return standing.some(
			({ name, data }) =>
				name === CONTROL.read && this.show(name, data) !== null && !this.isTold(name, data)
		);
	}

	/** @returns of what a leader has said, what the tab's own stream has not told: nothing of its topics */
	untold(standing: readonly Said[]): Said[] {
		return standing.filter(
			({ name, data }) =>
				name !== CONTROL.read && !(name === CONTROL.denied && this.concerns(this.topicOf(data)))
		);
	}

	#isSignal(name: string): boolean {
		return this.#signals.some((signal) => overlap(signal, name));
	}

	/** The topic of a control event. */
	topicOf(data: string): string {
		const { topic } = JSON.parse(data) as { topic?: unknown };
		return String(topic);
	}

	#caughtUp(data: string): string {
		const info = readCaughtUp(JSON.parse(data));
		if (!info) return data;
		const { topics, signals } = info;
		const mine = topics.filter((topic) => this.concerns(topic));
		const named = signals?.filter((name) => this.#names.includes(name));
		const isWhole = mine.length === topics.length && named?.length === signals?.length;
		return isWhole
			? data
			: JSON.stringify({ ...info, topics: mine, signals: named?.length ? named : undefined });
	}
}
