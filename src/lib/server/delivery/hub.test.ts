import { describe, expect, test } from 'vitest';
import {
	Recorder,
	attach,
	idsOf,
	openHub,
	publish
} from '../../../../tests/delivery/live-members.ts';
import { Random } from '../../../../tests/faults/random.ts';
import { maySee } from '../../protocol/index.ts';
import type { LogEvent } from '../log/types.ts';
import { Groups } from './groups.ts';
import { WRITE_BYTES } from './sink.ts';

describe('a batch', () => {
	test('reaches each member as what it may see of its topics, in order, in one delivery', () => {
		const hub = openHub();
		const [ann, bob, cat, dan] = attach(hub, 'ann: a b', 'bob: a b', 'cat: b', 'dan: c');
		publish(hub, ['a', 'b@ann', 'b', 'a@bob', 'a@cat', 'd', 'a']);
		expect(ann.ids).toEqual([1n, 2n, 3n, 7n]);
		expect(bob.ids).toEqual([1n, 3n, 4n, 7n]);
		expect(cat.ids).toEqual([3n]);
		expect(dan.ids).toEqual([]);
		expect([ann, bob, cat, dan].map(({ deliveries }) => deliveries)).toEqual([1, 1, 1, 0]);
	});

	test('is joined once for members with the same topics, and for groups that get the same of it', () => {
		const hub = openHub();
		const [ann, bob, cat, dan, eve] = attach(
			hub,
			'ann: a b',
			'bob: a b',
			'cat: a c',
			'dan: a b d',
			'dan: a b d'
		);
		publish(hub, ['a', 'b', 'a', 'd@dan', 'e']);
		const bytes = (member: Recorder) => {
			expect(member.chunks).toHaveLength(1);
			return member.chunks[0]!.bytes;
		};
		expect(bytes(bob)).toBe(bytes(ann));
		expect(bytes(eve)).toBe(bytes(dan));
		expect(dan.ids).toEqual([1n, 2n, 3n, 4n]);
		expect(cat.ids).toEqual([1n, 3n]);
		publish(hub, ['a', 'a']);
		for (const member of [bob, cat, dan]) {
			expect(member.chunks.at(-1)!.bytes).toBe(ann.chunks.at(-1)!.bytes);
		}
	});

	test('does not reach a member that detaches before its turn, nor one that attaches meanwhile', () => {
		const hub = openHub();
		const members = attach(hub, 'ann: a', 'bob: a', 'cat: a', 'dan: a b');
		const late = new Recorder('eve', 'a');
		for (const member of members) {
			member.act = () => {
				for (const other of members) hub.detach(other);
				for (const other of [...members, late]) hub.attach(other);
			};
		}
		publish(hub, ['a', 'a@dan']);
		expect(members.reduce((sum, { deliveries }) => sum + deliveries, 0)).toBe(1);
		expect(late.deliveries).toBe(0);
		expect(hub.live).toBe(5);
		for (const member of members) member.act = () => {};
		publish(hub, ['a']);
		for (const member of [...members, late]) expect(member.ids.at(-1)).toBe(3n);
	});

	test('with trimmed topics sends their members back to the log, and nobody else', () => {
		const hub = openHub();
		const [ann, bob] = attach(hub, 'ann: a b', 'bob: b');
		publish(hub, ['b']);
		publish(hub, ['b', 'b@ann', 'a'], ['a', 'c']);
		expect(ann.wentBackTo).toEqual([1n]);
		expect(ann.ids).toEqual([1n]);
		expect(bob.wentBackTo).toEqual([]);
		expect(bob.ids).toEqual([1n, 2n]);
		expect(hub.window.size).toBe(0);
	});
});

test('a member leaves the topics that it attached with, also when it has others by then', () => {
	const hub = openHub();
	const [ann, bob] = attach(hub, 'ann: a b', 'bob: b');
	ann.topics.splice(0, 2, 'b');
	hub.detach(ann);
	expect(hub.live).toBe(1);
	publish(hub, ['a', 'b', 'b@ann']);
	expect(ann.deliveries).toBe(0);
	expect(bob.ids).toEqual([2n]);
	hub.attach(ann);
	publish(hub, ['a', 'b']);
	expect(ann.ids).toEqual([5n]);
	expect(hub.live).toBe(2);
});

test('a member that attaches again, with other topics, gets each event once', () => {
	const hub = openHub();
	const [ann] = attach(hub, 'ann: a b');
	ann.topics = ['b', 'c'];
	hub.attach(ann);
	publish(hub, ['a', 'b', 'b@ann', 'c']);
	expect(ann.ids).toEqual([2n, 3n, 4n]);
	expect(hub.live).toBe(1);
});

test('nothing is kept of members that have left', () => {
	const groups = new Groups();
	const [ann, bob] = [new Recorder('ann', 'a', 'b'), new Recorder('bob', 'b')];
	for (const member of [ann, bob]) groups.attach(member, 0);
	groups.detach(ann);
	expect(groups.topic('a')).toBeUndefined();
	expect(groups.topic('b')!.groups.size).toBe(1);
	expect(groups.ofUser('ann').size).toBe(0);
	groups.detach(bob);
	expect(groups.topic('b')).toBeUndefined();
	expect(groups.size).toBe(0);
});

test('a thousand topics are told apart from the same without the last', () => {
	const hub = openHub();
	const topics = Array.from({ length: 1000 }, (_, i) => `rooms/${i}/messages`);
	const all = new Recorder('ann', ...topics);
	const same = new Recorder('bob', ...topics);
	const fewer = new Recorder('cat', ...topics.slice(0, -1));
	for (const member of [all, same, fewer]) hub.attach(member);
	publish(hub, ['rooms/0/messages', 'rooms/999/messages']);
	expect(all.ids).toEqual([1n, 2n]);
	expect(same.chunks[0]!.bytes).toBe(all.chunks[0]!.bytes);
	expect(fewer.ids).toEqual([1n]);
});

/**
 * Random members, topics and batches, in which members come and go during a batch, held against the definition: a member
 * that is there when a batch begins gets `batch.filter(of its topics, and it may see it)`, unless it leaves before its turn.
 */
class World {
	readonly #hub = openHub();
	readonly #random: Random;
	readonly #members: Recorder[] = [];
	readonly #live = new Map<Recorder, readonly string[]>();
	readonly #topics = ['a', 'b', 'c', 'd', 'e', 'rooms/1/log', '$granted'];
	/** What each member must still get of the present batch. */
	#owed = new Map<Recorder, 'go back' | bigint[]>();
	#before = 0n;
	#delivering = false;

	constructor(seed: number) {
		this.#random = new Random(seed);
		for (let i = 0; i < 24; i++) this.#members.push(this.#createMember());
		for (const user of ['1', '2', '3']) {
			this.#hub.watch({
				userId: user,
				scopes: ['rooms/1'],
				accessChanged: (_id, before) => this.#told(before),
				topicAppeared: (_topic, before) => this.#told(before)
			});
		}
	}

	step(): void {
		for (let i = this.#random.between(0, 3); i > 0; i--) this.#change();
		const events = this.#createBatch();
		const trimmed = this.#topics.filter(() => this.#random.chance(0.02));
		this.#before = this.#hub.tail;
		this.#owed = new Map();
		for (const [member, topics] of this.#live) {
			const seen = events
				.filter((event) => topics.includes(event.topic) && maySee(member.userId, event))
				.map(({ id }) => id);
			if (topics.some((topic) => trimmed.includes(topic))) this.#owed.set(member, 'go back');
			else if (seen.length > 0) this.#owed.set(member, seen);
		}
		this.#delivering = false;
		this.#hub.publish(events, this.#before + 50n, trimmed);
		expect(this.#owed.size).toBe(0);
		expect(this.#hub.live).toBe(this.#live.size);
	}

	#createMember(): Recorder {
		const member = new Recorder(String(this.#random.between(1, 6)));
		member.deliver = (chunks, before) => {
			expect(before).toBe(this.#before);
			for (const chunk of chunks) expect(idsOf([chunk]).at(-1)).toBe(chunk.upTo);
			this.#turn(member, idsOf(chunks));
		};
		member.goBack = (before) => {
			expect(before).toBe(this.#before);
			this.#turn(member, 'go back');
		};
		return member;
	}

	#turn(member: Recorder, gets: 'go back' | bigint[]): void {
		this.#delivering = true;
		expect(this.#hub.tail).toBe(this.#before + 50n);
		expect(gets).toEqual(this.#owed.get(member));
		this.#owed.delete(member);
		if (this.#random.chance(0.2)) this.#detach(member);
		if (this.#random.chance(0.3)) this.#change();
	}

	#told(before: bigint): void {
		expect(this.#delivering).toBe(false);
		expect(before).toBe(this.#before);
		expect(this.#hub.tail).toBe(this.#before + 50n);
		if (this.#random.chance(0.3)) this.#change();
	}

	/** A member comes, goes, or comes back with other topics. */
	#change(): void {
		const member = this.#random.pick(this.#members);
		const leaves = this.#live.has(member);
		if (leaves) this.#detach(member);
		if (leaves && this.#random.chance(0.5)) return;
		member.topics = this.#topics.filter(() => this.#random.chance(0.4));
		this.#hub.attach(member);
		this.#live.set(member, member.topics);
	}

	#detach(member: Recorder): void {
		if (this.#random.chance(0.3)) member.topics = ['b', 'z'];
		this.#hub.detach(member);
		this.#live.delete(member);
		this.#owed.delete(member);
	}

	#createBatch(): LogEvent[] {
		let id = this.#hub.tail;
		return Array.from({ length: this.#random.between(0, 12) }, () => ({
			id: (id += BigInt(this.#random.between(1, 4))),
			topic: this.#random.pick([...this.#topics, 'nobody/has/it']),
			userId: this.#random.chance(0.4) ? String(this.#random.between(1, 7)) : null,
			data: '.'.repeat(this.#random.chance(0.004) ? WRITE_BYTES / 2 : 10)
		}));
	}
}

test('each member gets what it may see of its topics, in order, once, whoever comes and goes meanwhile', () => {
	for (let seed = 1; seed <= 30; seed++) {
		const world = new World(seed);
		for (let step = 0; step < 80; step++) world.step();
	}
});

test('an event costs the streams that get it, not those of other topics', () => {
	const SETS = 5000;
	const measure = (topicsOf: (i: number) => string[]) => {
		const hub = openHub();
		for (let i = 0; i < SETS; i++) hub.attach(new Recorder(`u${i}`, ...topicsOf(i)));
		const batch = Array.from({ length: 100 }, (_, i) => (i % 2 ? `a@u${i}` : `rooms/${i}/log`));
		let least = Infinity;
		for (let round = 0; round < 10; round++) {
			const from = performance.now();
			publish(hub, batch);
			least = Math.min(least, performance.now() - from);
		}
		return least;
	};
	const one = measure(() => ['a']);
	const many = measure((i) => ['a', `rooms/${i}/log`]);
	// Looking at each set for each event would be hundreds of times as much.
	expect(many / one).toBeLessThan(20);
});
