import { CONTROL } from '../../protocol/index.ts';
import { readCaughtUp, readDenied } from '../control.ts';
import { isClosed } from '../subscriptions.ts';
import { overlap } from './names.ts';
import type { Needs } from './needs.ts';

/** Control events about one topic. */
const ABOUT_TOPIC: ReadonlySet<string> = new Set([CONTROL.gap, CONTROL.ended, CONTROL.read]);
const CONTROLS: ReadonlySet<string> = new Set(Object.values(CONTROL));

/** What a tab sees of a stream that carries also the topics of others. */
export class TabView {
	readonly #names: readonly string[];
	readonly #scopes: readonly string[];
	/** Topics that wildcards have brought. */
	readonly #brought = new Set<string>();
	/** Topics that were denied, and of which nothing has come since. */
	readonly #denied = new Set<string>();

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
		if (name === CONTROL.subscribed) return this.announcement(this.topicOf(data));
		if (name === CONTROL.denied) {
			const isPresence = this.#scopes.includes(this.topicOf(data));
			return isPresence || this.#isDenied(data) ? data : null;
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
		const pattern = this.#names.find((name) => overlap(name, topic));
		return pattern === undefined ? null : JSON.stringify({ topic, pattern });
	}

	/** A block was handed over. */
	note(name: string, data: string): void {
		if (name === CONTROL.denied) {
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

	/** @returns true for a `denied` that may be about the leader's stream alone */
	isLacking(name: string, data: string): boolean {
		if (name !== CONTROL.denied || !this.#isDenied(data)) return false;
		const denied = readDenied(JSON.parse(data));
		return denied !== null && !isClosed(denied);
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
		if (mine.length === topics.length) return data;
		const named = signals?.filter((name) => this.#names.includes(name));
		return JSON.stringify({ ...info, topics: mine, ...(named?.length ? { signals: named } : {}) });
	}
}
