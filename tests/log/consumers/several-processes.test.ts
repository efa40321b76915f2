/** A consumer in several processes: one of them handles an event, and one at a time. */
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import { openStand, type Stand } from './stand.ts';

let stand: Stand;
beforeEach(async () => {
	stand = await openStand();
});
afterEach(() => stand.close());

const numbers = (count: number, from = 1) => Array.from({ length: count }, (_, i) => i + from);
const handled = (count: number) =>
	until(async () => (await stand.seen()).length >= count, {
		what: `${count} events are handled`,
		timeoutMs: 20_000
	});

test('several processes never handle one event twice, and one at a time', async () => {
	let running = 0;
	let most = 0;
	const loglines = await Promise.all([stand.logline(), stand.logline(), stand.logline()]);
	const by = new Set<number>();
	for (const [n, logline] of loglines.entries()) {
		stand.consume(logline, ['a'], {
			before: async () => {
				by.add(n);
				most = Math.max(most, ++running);
				await pause(2);
				running--;
			}
		});
	}
	let bursts = 0;
	const write = async (more: number) => {
		for (const upTo = bursts + more; bursts < upTo; bursts++) {
			await stand.sql`
				insert into events (topic, data)
				select 'a', to_jsonb(i) from generate_series(${bursts * 10 + 1}::int, ${bursts * 10 + 10}::int) i`;
			// Not all at once: between two bursts, another process may be the first.
			await pause(Math.random() * 60);
		}
	};
	await write(20);
	await until(() => by.size > 0);
	// One that was always the first leaves the rest to the others.
	if (by.size === 1) await loglines[[...by][0]!]!.stop();
	await write(20);
	await handled(bursts * 10);
	expect(await stand.seen()).toEqual(numbers(bursts * 10));
	expect(most).toBe(1);
	expect(by.size, 'otherwise this proves nothing').toBeGreaterThan(1);
});

test('processes of two versions with different topics lose nothing, side by side', async () => {
	const old = await stand.logline();
	stand.consume(old, ['a']);
	await stand.append('a', 'a1');
	await stand.append('b', 'b1');
	await handled(1);
	await until(
		async () =>
			(await stand.sql`select from consumers where topic <> '$begun' and position >= 2`).length ===
			1
	);
	const next = await stand.logline();
	stand.consume(next, ['a', 'b']);
	for (const n of numbers(30, 2)) {
		await stand.append('a', `a${n}`);
		await stand.append('b', `b${n}`);
	}
	await handled(62);
	await old.stop();
	const seen = (await stand.seen()) as string[];
	expect(seen).toHaveLength(62);
	for (const topic of ['a', 'b']) {
		expect(seen.filter((data) => data.startsWith(topic))).toEqual(
			numbers(31).map((n) => topic + n)
		);
	}
});
