import { describe, expect, test } from 'vitest';
import { attach, openHub, publish } from '../../../../tests/delivery/live-members.ts';
import type { Hub } from './hub.ts';

describe('a watcher', () => {
	/** Writes down what it is told. */
	function watch(hub: Hub, userId: string, scopes: string[] = [], act: () => void = () => {}) {
		const told: string[] = [];
		const end = hub.watch({
			userId,
			scopes,
			accessChanged: (id, before, lost) => {
				told.push(`${id} after ${before}${lost.map((scope) => `, lost ${scope}`).join('')}`);
				act();
			},
			topicAppeared: (topic, before) => {
				told.push(`${topic} after ${before}`);
				act();
			}
		});
		return { told, end };
	}

	test('hears of a change of access once per batch, before anybody gets the batch', () => {
		const hub = openHub();
		const [ann] = attach(hub, 'ann: a');
		publish(hub, ['a', 'a']);
		const seen: unknown[] = [];
		const { told } = watch(hub, 'ann', [], () => seen.push(hub.tail, ann.deliveries));
		publish(hub, ['a', '$revoked@ann', 'a@ann', '$granted@ann', '$granted@bob', '$subscribed@ann']);
		expect(told).toEqual(['6 after 2, lost null']);
		expect(seen).toEqual([8n, 1]);
		expect(ann.ids).toEqual([1n, 2n, 3n, 5n]);
		publish(hub, ['a', '$granted@bob', '$granted']);
		expect(told).toHaveLength(1);
	});

	test('that detaches its member keeps the batch from it, also when it attaches it again', () => {
		const hub = openHub();
		const [ann, bob, cat] = attach(hub, 'ann: a', 'bob: a', 'cat: a');
		watch(hub, 'ann', [], () => hub.detach(ann));
		watch(hub, 'cat', [], () => {
			hub.detach(cat);
			hub.attach(cat);
		});
		publish(hub, ['a', 'a@ann', '$granted@ann', '$revoked@cat', 'a@cat']);
		expect(ann.deliveries).toBe(0);
		expect(cat.deliveries).toBe(0);
		expect(bob.ids).toEqual([1n]);
		publish(hub, ['a']);
		expect(cat.ids).toEqual([6n]);
	});

	test('hears once of each topic below its scopes', () => {
		const hub = openHub();
		const { told } = watch(hub, 'ann', ['orgs/7', 'orgs/7/projects/3', 'rooms/1']);
		publish(hub, ['a']);
		publish(hub, [
			'orgs/7/projects/3/log',
			'orgs/7/log@bob',
			'orgs/70/log',
			'orgs/7',
			'rooms/2/messages',
			'orgs/7/projects/3/log'
		]);
		expect(told).toEqual(['orgs/7/projects/3/log after 1', 'orgs/7/log after 1']);
	});

	test('that has ended hears nothing more, and one that begins in a batch hears of the next', () => {
		const hub = openHub();
		let later: ReturnType<typeof watch> | null = null;
		const first = watch(hub, 'ann', ['rooms/1'], () => {
			second.end();
			later ??= watch(hub, 'ann', ['rooms/1']);
		});
		const second = watch(hub, 'ann', ['rooms/1']);
		publish(hub, ['$granted@ann', 'rooms/1/log']);
		expect(first.told).toHaveLength(2);
		expect(second.told).toEqual([]);
		expect(later!.told).toEqual([]);
		first.end();
		first.end();
		publish(hub, ['$granted@ann', 'rooms/1/log']);
		expect(first.told).toHaveLength(2);
		expect(later!.told).toEqual(['3 after 2', 'rooms/1/log after 2']);
	});
});
