import { SvelteMap } from 'svelte/reactivity';
import type { SignalFrame, SignalSender } from '../protocol/index.ts';

/** A signal that has not ended. */
export interface CurrentSignal<TData = unknown> {
	data: TData;
	/** null: the server. */
	from: SignalSender | null;
	/** What it is about (`coalesce` of its topic). */
	key: string;
}

/** Signals of one topic. The oldest are dropped. */
const MOST = 1000;

/** The current signals of each topic: the newest of each sender and key, until it ends. */
export class CurrentSignals {
	/** Reactive. */
	readonly #shown = new SvelteMap<string, readonly CurrentSignal[]>();
	/** Topic → sender and key → signal, and when it ends in milliseconds since 1970. The oldest first. */
	readonly #current = new Map<string, Map<string, CurrentSignal & { until: number }>>();
	#timer: ReturnType<typeof setTimeout> | undefined;

	/** Returns the current signals of a topic, the oldest first. Reactive. */
	of(topic: string): readonly CurrentSignal[] {
		return this.#shown.get(topic) ?? NONE;
	}

	add(topic: string, { data, from, key, ttl }: SignalFrame): void {
		let ofTopic = this.#current.get(topic);
		if (!ofTopic) this.#current.set(topic, (ofTopic = new Map<string, never>()));
		const who = JSON.stringify([from?.id ?? null, key]);
		ofTopic.delete(who);
		ofTopic.set(who, { data, from, key, until: Date.now() + ttl });
		const [oldest] = ofTopic.keys();
		if (ofTopic.size > MOST) ofTopic.delete(oldest!);
		this.#show(topic);
		this.#arm();
	}

	/** Ends all signals of a topic, or of all topics. */
	end(topic?: string): void {
		for (const each of topic === undefined ? [...this.#current.keys()] : [topic]) {
			if (!this.#current.delete(each)) continue;
			this.#show(each);
		}
		this.#arm();
	}

	#show(topic: string): void {
		const signals = [...(this.#current.get(topic)?.values() ?? [])];
		if (signals.length === 0) this.#shown.delete(topic);
		else this.#shown.set(topic, signals);
	}

	/** One timer, for the signal that ends first. */
	#arm(): void {
		clearTimeout(this.#timer);
		this.#timer = undefined;
		let next = Infinity;
		for (const ofTopic of this.#current.values()) {
			for (const { until } of ofTopic.values()) next = Math.min(next, until);
		}
		if (next < Infinity) this.#timer = setTimeout(() => this.#expire(), next - Date.now());
	}

	#expire(): void {
		const now = Date.now();
		for (const [topic, ofTopic] of this.#current) {
			const { size } = ofTopic;
			for (const [who, { until }] of ofTopic) if (until <= now) ofTopic.delete(who);
			if (ofTopic.size < size) this.#show(topic);
			if (ofTopic.size === 0) this.#current.delete(topic);
		}
		this.#arm();
	}
}

const NONE: readonly CurrentSignal[] = [];
