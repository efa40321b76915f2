/** An error of a handler is its event's, whatever code it has: it is counted, and the others are handled. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import { openStand, type Stand, type Tx } from './stand.ts';

let stand: Stand;
beforeEach(async () => {
	stand = await openStand();
});
afterEach(() => stand.close());

const raise = (code: string) =>
	`do $$ begin raise exception 'refused' using errcode = '${code}'; end $$`;
const coded = (code: string) => Object.assign(new Error('another service says no'), { code });

/** A bad event between two good ones is tried twice, then set aside; the good ones are handled. */
async function harmsOnlyItself(bad: (tx: Tx) => unknown): Promise<void> {
	let tries = 0;
	stand.consume(await stand.logline(), ['a'], {
		attempts: 2,
		backOffMs: 50,
		before: ({ data }: { data: unknown }, tx) => {
			if (data !== 'bad') return;
			tries++;
			return bad(tx);
		}
	});
	await stand.append('a', 1, 'bad', 2);
	await until(async () => (await stand.sql`select from dead_letters`).length === 1, {
		what: 'it is set aside',
		timeoutMs: 20_000
	});
	expect(await stand.seen()).toEqual([1, 2]);
	expect(tries).toBeLessThanOrEqual(6);
}

describe('an event whose handler fails does not stop the others,', () => {
	test.each(['53300', '40001', '57P03', '25006', '25P01', 'ECONNREFUSED', 'transaction_lost'])(
		'when another service’s error has the code %s',
		(code) =>
			harmsOnlyItself(() => {
				throw coded(code);
			})
	);

	test.each([
		['a lock that it does not get', '55P03'],
		['a check without a constraint', '23514'],
		['a deadlock', '40P01'],
		['a serialization failure', '40001']
	])('when its own statement fails: %s', (_, code) =>
		harmsOnlyItself((tx) => tx.execute(raise(code)))
	);

	test('when it swallows that its statement did not get a lock', () =>
		harmsOnlyItself((tx) => tx.execute(raise('55P03')).catch(() => undefined)));

	test('when its transaction is refused at the commit, by a trigger', async () => {
		await stand.sql`create table strict (n int)`;
		await stand.sql.unsafe(
			`create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no' using errcode = '23514'; end $$;
			create constraint trigger refuse after insert on strict deferrable initially deferred for each row execute function refuse()`
		);
		await harmsOnlyItself((tx) => tx.execute('insert into strict values (1)'));
	});

	test('when its statement waits for a lock without end', async () => {
		await stand.sql`create table locked (n int)`;
		let release!: () => void;
		const released = new Promise<void>((resolve) => (release = resolve));
		const held = stand.sql.begin(async (tx) => {
			await tx`lock table locked`;
			await released;
		});
		stand.consume(await stand.logline(), ['a'], {
			timeoutMs: 300,
			backOffMs: 3_600_000,
			before: ({ data }: { data: unknown }, tx) =>
				data === 'bad' && tx.execute('insert into locked values (1)')
		});
		await stand.append('a', 1, 'bad', 2);
		await until(async () => (await stand.seen()).length === 2, { what: 'the others are handled' });
		release();
		await held;
	});

	test('and is handled when its deadlock is over', async () => {
		let conflicts = 0;
		stand.consume(await stand.logline(), ['a'], {
			backOffMs: 50,
			before: async (_, tx) => {
				if (conflicts++ < 2) await tx.execute(raise('40P01'));
			}
		});
		await stand.append('a', 1, 2);
		await until(async () => (await stand.seen()).length === 2);
		expect((await stand.seen()).sort()).toEqual([1, 2]);
		expect(await stand.sql`select from dead_letters`).toHaveLength(0);
	});
});
