/** Members of a hub without a socket, and a hub without a log. */
import type { LogEvent } from '../../src/lib/server/log/types.ts';
import { Hub, type Member } from '../../src/lib/server/delivery/hub.ts';
import type { Chunk, Encoder } from '../../src/lib/server/delivery/sink.ts';

/** A frame is the id, a space, and as much padding as the data. */
const encoder: Encoder = {
	event: ({ id, data }) => Buffer.from(`${id} ${data}`),
	signal: (topic, json) => Buffer.from(`${topic} ${json};`),
	cursor: (id) => Buffer.from(`${id} `),
	control: (name) => Buffer.from(name),
	keepAlive: (position) => Buffer.from(`${position} `)
};

export const openHub = () =>
	new Hub(
		encoder,
		{ tail: 0n, floor: 0n, recent: [], look: () => {} },
		{ events: 100, bytes: 100_000 }
	);

/** Ids of the events in the chunks. */
export const idsOf = (chunks: readonly Chunk[]) =>
	chunks.flatMap(({ bytes }) => Buffer.from(bytes).toString().match(/\d+/g)!.map(BigInt));

/** Events for everyone are written as a topic, those of a user as `topic@user`. */
function eventsOf(first: bigint, ...texts: string[]): LogEvent[] {
	return texts.map((text, i) => {
		const [topic, userId = null] = text.split('@') as [string, string?];
		return { id: first + BigInt(i), topic, userId, data: 'null' };
	});
}

/** Publishes the events that follow. See {@link eventsOf}. */
export function publish(hub: Hub, texts: string[], trimmed: string[] = []): void {
	const events = eventsOf(hub.tail + 1n, ...texts);
	hub.publish(events, hub.tail + BigInt(events.length), trimmed);
}

/** A member that writes down what it gets. */
export class Recorder implements Member {
	topics: string[];
	readonly chunks: Chunk[] = [];
	readonly signals: string[] = [];
	deliveries = 0;
	wentBackTo: bigint[] = [];
	/** Done at each delivery. */
	act: () => void = () => {};

	constructor(
		readonly userId: string,
		...topics: string[]
	) {
		this.topics = topics.sort();
	}

	get ids(): bigint[] {
		return idsOf(this.chunks);
	}

	deliver(chunks: readonly Chunk[], _before: bigint): void {
		this.deliveries++;
		this.chunks.push(...chunks);
		this.act();
	}

	signal(chunks: readonly Chunk[]): void {
		this.signals.push(...chunks.map(({ bytes }) => Buffer.from(bytes).toString()));
	}

	goBack(before: bigint): void {
		this.wentBackTo.push(before);
		this.act();
	}
}

/** Attaches one member for each text: `user: topic topic`. */
export function attach<const T extends readonly string[]>(
	hub: Hub,
	...texts: T
): { [K in keyof T]: Recorder } {
	const members = texts.map((text) => {
		const [userId, topics] = text.split(': ') as [string, string];
		const member = new Recorder(userId, ...topics.split(' '));
		hub.attach(member);
		return member;
	});
	return members as { [K in keyof T]: Recorder };
}
