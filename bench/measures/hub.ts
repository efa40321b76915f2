import { Hub, type Member } from '../../src/lib/server/delivery/hub.ts';
import type { Chunk } from '../../src/lib/server/delivery/sink.ts';
import type { LogEvent } from '../../src/lib/server/log/types.ts';
import { encoder } from '../../src/lib/server/sse/frames.ts';
import { payload } from '../peers/payload.mjs';
import { now } from '../stage/clock.ts';
import { interleave, type Figures, type Measure, type Row, type Stage } from '../stage/measure.ts';

const STREAMS = 3000;
const ROOM_STREAMS = 10_000;
const ROOMS = 5000;
const ROOMS_PER_STREAM = 3;
const BURST = 100;
const EVERYONE = 'notifications';

/** A stream without a socket. */
class Counter implements Member {
	deliveries = 0;
	bytes = 0;

	constructor(
		readonly userId: string,
		readonly topics: readonly string[]
	) {}

	deliver(chunks: readonly Chunk[]): void {
		this.deliveries++;
		for (const { bytes } of chunks) this.bytes += bytes.byteLength;
	}

	signal(): void {
		throw new Error('Nothing was signalled');
	}

	goBack(): void {
		throw new Error('Nothing was trimmed');
	}
}

/** Takes the events of a batch and gives them to the streams. */
type Publish = (events: readonly LogEvent[]) => void;

/** What the hub spends on an event when streams have different sets of topics: without log, sockets and clients. */
export const hub: Measure = {
	name: 'hub',
	run: async (stage) => {
		const rows: Row[] = [];
		const note = 'Only finding the streams, encoding and joining, in one process, without sockets.';
		const streams = STREAMS.toLocaleString('en-US');
		for (const { what, ofUser, most } of [
			{ what: 'Private event', ofUser: true, most: 1.3 },
			{ what: 'Event for everyone', ofUser: false, most: undefined }
		]) {
			stage.say(`hub: ${what.toLowerCase()}, ${streams} streams`);
			const event = () => ({
				topic: EVERYONE,
				userId: ofUser ? `user-${Math.floor(Math.random() * STREAMS)}` : null
			});
			const round = (members: readonly Counter[]) =>
				measure(stage, hubOf(members), event, members, ofUser ? 1 : STREAMS);
			const same = 'all with the same topics';
			const results = await interleave(stage, [
				{ name: 'Logline', role: 'ours', round: async () => round(withTopics(roomOf)) },
				{ name: same, role: 'limit', round: async () => round(withTopics(() => roomOf(0))) }
			]);
			for (const [figure, size] of SIZES) {
				const title = `${what}, ${size}, ${streams} streams with different topics: time in the hub`;
				rows.push(
					results.row(
						{ measure: 'hub', title, unit: 'µs', better: 'lower', note },
						figure,
						most === undefined
							? undefined
							: (to) => ({ text: `at most ${most} × ${same}`, met: to(same) <= most })
					)
				);
			}
		}
		stage.say(`hub: ${ROOM_STREAMS} streams in ${ROOMS} rooms`);
		const inRooms = await interleave(stage, [
			{ name: 'Logline', role: 'ours', round: async () => rooms(stage, hubOf) },
			{ name: 'loop over a list per room', role: 'limit', round: async () => rooms(stage, loopOf) }
		]);
		for (const [figure, size] of SIZES) {
			const title = `Event of a room, ${size}, ${ROOM_STREAMS.toLocaleString('en-US')} streams in ${ROOMS.toLocaleString('en-US')} rooms: time in the hub`;
			rows.push(inRooms.row({ measure: 'hub', title, unit: 'µs', better: 'lower', note }, figure));
		}
		return rows;
	}
};

/** Figures, and what they are of. */
const SIZES = [
	['single µs', 'alone'],
	['burst µs', `in bursts of ${BURST}`]
] as const;

const roomOf = (i: number) => `rooms/${i}/messages`;

/** One stream per user, with the topic that all have and one more. */
function withTopics(other: (i: number) => string): Counter[] {
	return Array.from(
		{ length: STREAMS },
		(_, i) => new Counter(`user-${i}`, [EVERYONE, other(i)].sort())
	);
}

function rooms(stage: Stage, publishTo: (members: readonly Counter[]) => Publish): Figures {
	const random = () => roomOf(Math.floor(Math.random() * ROOMS));
	const members = Array.from({ length: ROOM_STREAMS }, (_, i) => {
		const topics = new Set<string>();
		while (topics.size < ROOMS_PER_STREAM) topics.add(random());
		return new Counter(`user-${i}`, [...topics].sort());
	});
	const event = () => ({ topic: random(), userId: null });
	return measure(stage, publishTo(members), event, members, null);
}

function hubOf(members: readonly Counter[]): Publish {
	const start = { tail: 0n, floor: 0n, recent: [], look: () => {} };
	const hub = new Hub(encoder, start, { events: 10_000, bytes: 16 * 1_048_576 });
	for (const member of members) hub.attach(member);
	return (events) => hub.publish(events, events[events.length - 1]!.id, []);
}

/** The least that can be done: each event is encoded once and given to the streams of its room. */
function loopOf(members: readonly Counter[]): Publish {
	const byRoom = new Map<string, Counter[]>();
	for (const member of members) {
		for (const topic of member.topics) {
			byRoom.set(topic, [...(byRoom.get(topic) ?? []), member]);
		}
	}
	return (events) => {
		for (const { id, topic, data } of events) {
			const chunks = [{ bytes: encoder.event({ id, topic, data: data! }), upTo: id }];
			for (const member of byRoom.get(topic) ?? []) member.deliver(chunks);
		}
	};
}

/**
 * Returns the time per event, in batches of one and in bursts.
 *
 * @param receivers streams that must get each event; null: unknown
 */
function measure(
	stage: Stage,
	publish: Publish,
	event: () => { topic: string; userId: string | null },
	members: readonly Counter[],
	receivers: number | null
): Figures {
	const data = JSON.stringify(payload());
	let id = 0n;
	const batch = (size: number): LogEvent[] =>
		Array.from({ length: size }, () => ({ id: ++id, data, ...event() }));
	const run = (size: number, ms: number): number => {
		let spent = 0;
		let events = 0;
		while (spent < ms) {
			// Several at a time: the clock has a cost, too.
			const batches = Array.from({ length: 20 }, () => batch(size));
			const from = now();
			for (const one of batches) publish(one);
			spent += now() - from;
			events += 20 * size;
		}
		return (spent * 1000) / events;
	};
	const ms = stage.quick ? 100 : 1000;
	for (const size of [1, BURST]) run(size, ms / 5);
	const before = count(members);
	const first = id;
	const single = run(1, ms);
	if (receivers !== null && count(members) - before !== receivers * Number(id - first)) {
		throw new Error('Not every event reached the streams that must get it');
	}
	return { 'single µs': single, 'burst µs': run(BURST, ms) };
}

const count = (members: readonly Counter[]): number =>
	members.reduce((sum, { deliveries }) => sum + deliveries, 0);
