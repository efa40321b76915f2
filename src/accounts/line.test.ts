import { expect, it } from 'vitest';
import { createLines } from './line.ts';

/** Work that ends when the test calls `end`. */
function held() {
	let end!: (error?: Error) => void;
	const done = new Promise<void>((resolve, reject) => {
		end = (error) => (error ? reject(error) : resolve());
	});
	return { work: () => done, end };
}

it('who stands in one line is served one after the other, and other lines do not wait', async () => {
	const lines = createLines();
	const first = held();
	const order: string[] = [];
	const one = lines.inTurn('a', () => first.work().then(() => order.push('first of a')));
	const two = lines.inTurn('a', () => Promise.resolve(order.push('second of a')));
	await lines.inTurn('b', () => Promise.resolve(order.push('first of b')));
	first.end();
	await Promise.all([one, two]);
	expect(order).toEqual(['first of b', 'first of a', 'second of a']);
});

it('a line that is full says so, until somebody has been served', async () => {
	const lines = createLines(2);
	const first = held();
	const inLine = [first.work, first.work, first.work].map((work) => lines.inTurn('a', work));
	expect(lines.isFull('a')).toBe(true);
	expect(lines.isFull('b')).toBe(false);
	await expect(lines.inTurn('a', first.work)).rejects.toMatchObject({ code: 'busy', status: 503 });
	first.end();
	await Promise.all(inLine);
	expect(lines.isFull('a')).toBe(false);
	expect(await lines.inTurn('a', () => Promise.resolve('served'))).toBe('served');
});

it('what was wrong with one is nothing to those behind', async () => {
	const lines = createLines();
	const first = held();
	const one = lines.inTurn('a', first.work);
	const two = lines.inTurn('a', () => Promise.resolve('served'));
	first.end(new Error('wrong password'));
	await expect(one).rejects.toThrow('wrong password');
	expect(await two).toBe('served');
});

it('a database that is silent is waited for once, not once for each who stands in line', async () => {
	const lines = createLines();
	const first = held();
	const silent = Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' });
	let asked = 0;
	const one = lines.inTurn('a', first.work);
	const behind = [1, 2, 3].map(() => lines.inTurn('a', () => Promise.resolve(++asked)));
	first.end(silent);
	for (const waiting of [one, ...behind]) await expect(waiting).rejects.toBe(silent);
	expect(asked).toBe(0);
	expect(await lines.inTurn('a', () => Promise.resolve('served')), 'who comes later').toBe(
		'served'
	);
});

it('one whose client has gone says nothing of the database', async () => {
	const lines = createLines();
	const first = held();
	const one = lines.inTurn('a', first.work);
	const two = lines.inTurn('a', () => Promise.resolve('served'));
	first.end(Object.assign(new Error('gone'), { code: 'CONNECTION_UNWANTED' }));
	await expect(one).rejects.toThrow('gone');
	expect(await two).toBe('served');
});
