/** An option `transaction` that does not wait for its work: the developer is told, and no event pays for it. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ConsumeOptions } from '../../../src/lib/server/log/consumers/types.ts';
import { until } from '../../support/until.ts';
import { openStand, type Stand, type Tx } from './stand.ts';

let stand: Stand;
beforeEach(async () => {
	stand = await openStand();
});
afterEach(() => stand.close());

type Transaction = ConsumeOptions<Tx>['transaction'];

const TOLD =
	'The option `transaction` of the consumer "test" has resolved before its work had ended.';

const MISTAKES: [string, (db: ReturnType<Stand['client']>) => Transaction][] = [
	[
		'that does not return the promise of its client',
		(db) => (work) => {
			db.transaction(work).catch(() => undefined);
			return Promise.resolve();
		}
	],
	[
		'whose client does not wait for the work',
		(db) => (work) =>
			db.transaction((tx) => {
				work(tx).catch(() => undefined);
				return Promise.resolve();
			})
	],
	[
		'that resolves when the work begins',
		(db) => (work) =>
			new Promise<void>((resolve) => {
				const run = (tx: Tx) => (resolve(), work(tx));
				db.transaction(run).catch(() => undefined);
			})
	],
	['that does not run the work', () => () => Promise.resolve()]
];

describe('a consumer whose option `transaction` resolves too early', () => {
	test.each(MISTAKES)('says so, and no event pays for it: %s', async (_, mistake) => {
		await stand.append('a', 1, 2);
		const transaction = mistake(stand.client());
		let rounds = 0;
		const wrong = stand.consume(await stand.logline(), ['a'], {
			timeoutMs: 100, // Postgres ends a transaction that nobody goes on with soon after.
			transaction: (work) => (rounds++, transaction(work))
		});
		await until(() => rounds > 5, { what: 'it has tried more often than a process may end' });
		expect(wrong.failing).toBe(true);
		expect(stand.lines).toContainEqual(expect.stringContaining(TOLD));
		await wrong.stop();
		expect(await stand.seen()).toEqual([]);

		stand.consume(await stand.logline(), ['a']);
		await until(async () => (await stand.seen()).length >= 2, { what: 'it is put right' });
		expect(await stand.seen()).toEqual([1, 2]);
		expect(await stand.sql`select from consumer_failures`).toHaveLength(0);
	});
});
