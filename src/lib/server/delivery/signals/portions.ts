import type { ReceivedSignal } from '../hub.ts';

/**
 * Cuts signals into portions of at least `size`, which are handed over one after the other. The signals of a topic stay together
 * and in their order, so a stream gets those of one topic in one write.
 */
export function* portionsOf(
	signals: readonly ReceivedSignal[],
	size: number
): Generator<ReceivedSignal[]> {
	const byTopic = new Map<string, ReceivedSignal[]>();
	for (const signal of signals) {
		const ofTopic = byTopic.get(signal.topic);
		if (ofTopic) ofTopic.push(signal);
		else byTopic.set(signal.topic, [signal]);
	}
	let portion: ReceivedSignal[] = [];
	for (const ofTopic of byTopic.values()) {
		portion.push(...ofTopic);
		if (portion.length < size) continue;
		yield portion;
		portion = [];
	}
	if (portion.length > 0) yield portion;
}
