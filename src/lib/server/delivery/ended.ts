import { CONTROL, type Ended } from '../../protocol/index.ts';
import type { LogEvent } from '../log/types.ts';
import type { Encoder } from './sink.ts';
import type { Framed } from './window.ts';

/** Returns the topic that an event `$ended` ends. null: it names none, or its data cannot be read. */
export function endedTopic({ data }: LogEvent): string | null {
	const { topic } = (data === null ? {} : JSON.parse(data)) as { topic?: unknown };
	return typeof topic === 'string' ? topic : null;
}

/**
 * Frames the end of a topic as if it were an event of the topic, for everyone. So it travels with the topic's events, and
 * comes after the last one. On the wire it has no id.
 */
export function frameEnded(encoder: Encoder, topic: string, id: bigint): Framed {
	const frame = encoder.control(CONTROL.ended, { topic } satisfies Ended);
	return { id, topic, userId: null, frame };
}

/**
 * Adds the ends to a page from the log, which has only the events of the topics themselves.
 *
 * @param starts of the page, by topic
 * @param ended topic → id of its end
 * @param upTo end of the page
 */
export function withEnds(
	encoder: Encoder,
	events: Framed[],
	starts: readonly { topic: string; after: bigint }[],
	ended: ReadonlyMap<string, bigint>,
	upTo: bigint
): Framed[] {
	if (ended.size === 0) return events;
	for (const { topic, after } of starts) {
		const id = ended.get(topic);
		if (id !== undefined && id > after && id <= upTo) events.push(frameEnded(encoder, topic, id));
	}
	return events.sort((a, b) => (a.id < b.id ? -1 : 1));
}
