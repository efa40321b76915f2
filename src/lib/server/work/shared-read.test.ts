import { AsyncLocalStorage } from 'node:async_hooks';
import { expect, test } from 'vitest';
import { sharedRead } from './shared-read.ts';

const numbers = (upTo: number) => Array.from({ length: upTo }, (_, n) => n);

test('requests of one moment share a read, and each gets its own value', async () => {
	const reads: number[] = [];
	const ask = sharedRead(async (keys: readonly number[]) => {
		reads.push(keys.length);
		return keys.map((key) => key * 2);
	});
	expect(await Promise.all(numbers(1200).map(ask))).toEqual(numbers(1200).map((n) => n * 2));
	expect(reads).toEqual([500, 500, 200]);
	expect(await ask(7)).toBe(14);
});

test('while two reads are running, the next requests are collected', async () => {
	const reads: { keys: readonly number[]; end: () => void }[] = [];
	const ask = sharedRead(
		(keys: readonly number[]) =>
			new Promise<readonly number[]>((resolve) => reads.push({ keys, end: () => resolve(keys) }))
	);
	const turn = () => new Promise((resolve) => setImmediate(resolve));
	const asked: Promise<number>[] = [];
	for (const n of numbers(5)) {
		asked.push(ask(n));
		await turn();
	}
	expect(reads.map(({ keys }) => keys)).toEqual([[0], [1]]);
	reads[0]!.end();
	await turn();
	await turn();
	expect(reads.map(({ keys }) => keys)).toEqual([[0], [1], [2, 3, 4]]);
	for (const { end } of reads) end();
	expect(await Promise.all(asked)).toEqual(numbers(5));
});

test('a failed read fails for those who shared it, and not for the next', async () => {
	let fails = true;
	const ask = sharedRead(async (keys: readonly number[]) => {
		if (fails) throw new Error('away');
		return keys;
	});
	const outcomes = await Promise.allSettled([ask(1), ask(2)]);
	expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
	fails = false;
	expect(await ask(3)).toBe(3);
});

test('a read does not belong to the request that began it', async () => {
	const request = new AsyncLocalStorage<string>();
	let context: string | undefined = 'not read';
	const ask = sharedRead(async (keys: readonly number[]) => {
		context = request.getStore();
		return keys;
	});
	await request.run('first', () => ask(1));
	expect(context).toBeUndefined();
});

test('while reads hang, the queue has a bound, and one more is told that Postgres is busy', async () => {
	let end = (_keys: readonly number[]) => {};
	const ended = new Promise<readonly number[]>((resolve) => (end = resolve));
	const ask = sharedRead((_keys: readonly number[]) => ended);
	const asked = numbers(20_001).map((n) => ask(n));
	await expect(asked.at(-1)).rejects.toMatchObject({ code: 'CONNECTION_BUSY' });
	end(numbers(500));
	expect((await Promise.all(asked.slice(0, -1))).length).toBe(20_000);
});

test('those who get their value together leave room for others', async () => {
	const ask = sharedRead(async (keys: readonly number[]) => keys);
	let went = 0;
	let most = 0;
	const asked = numbers(200).map((n) => ask(n).then(() => went++));
	while (went < 200) {
		const before = went;
		await new Promise((resolve) => setImmediate(resolve));
		most = Math.max(most, went - before);
	}
	await Promise.all(asked);
	expect(most).toBeLessThanOrEqual(16);
});
