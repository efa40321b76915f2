/** Handlers that go on after their transaction has ended: they write nothing, and harm nobody. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { sql as text } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Topic } from '../../../src/lib/protocol/index.ts';
import type { ConsumedEvent, Logline } from '../../../src/lib/server/index.ts';
import { until } from '../../support/until.ts';
import { openStand, type Stand, type Tx } from './stand.ts';

const TOPIC_A = ['a'] as unknown as Topic[];
const INSERT = `insert into seen (name, data) values ('test', '"late"')`;

/** One connection: what comes late can only go where somebody else is at work. */
let own: postgres.Sql;
let stand: Stand;
let logline: Logline;
let consumers = 0;
beforeAll(async () => {
	stand = await openStand();
	logline = await stand.logline();
	await stand.append('a', 1);
	own = postgres(stand.url, { max: 1, onnotice: () => {}, backoff: (() => 0.05) as never });
});
afterAll(async () => {
	await logline.stop();
	await own.end({ timeout: 1 });
	await stand.close();
});

/** A promise that is settled from outside. */
function gate() {
	let open!: () => void;
	const opened = new Promise<void>((resolve) => (open = resolve));
	return { open, opened };
}

type Late = (tx: never, opened: Promise<void>) => Promise<unknown>;

/** The handlers of an event: the first is late. Then the consumer stops, so that the connection is free. */
async function lateIn(
	transaction: (work: (tx: never) => Promise<void>) => Promise<unknown>,
	late: Late,
	fate: 'late' | 'lost' = 'late'
): Promise<{ end: () => Promise<unknown> }> {
	const { open, opened } = gate();
	const ended = gate();
	let outcome: unknown = 'written';
	let calls = 0;
	const name = `late ${++consumers}`;
	const consumer = logline.consume<Topic, never>(
		name,
		TOPIC_A,
		async (_: ConsumedEvent<Topic>, tx: never) => {
			if (calls++ > 0) return;
			try {
				await late(tx, opened);
			} catch (error) {
				outcome = error;
			} finally {
				ended.open();
			}
		},
		{ transaction, timeoutMs: fate === 'late' ? 150 : 10_000, backOffMs: 3_600_000 }
	);
	await until(
		async () =>
			fate === 'late'
				? (await stand.sql`select from consumer_failures where name = ${name}`).length === 1
				: (await stand.sql`select from consumers where name = ${name} and position >= 1`).length >
					0,
		{ what: 'the consumer goes on' }
	);
	await consumer.stop();
	return {
		end: async () => {
			open();
			await ended.opened;
			return outcome;
		}
	};
}

const HANDLERS: [string, 'postgres.js' | 'drizzle', Late][] = [
	[
		'postgres.js',
		'postgres.js',
		async (tx, opened) => {
			const sql = tx as postgres.TransactionSql;
			await sql.unsafe(INSERT);
			await opened;
			await sql`insert into seen (name, data) values ('test', '"late"')`;
		}
	],
	[
		'postgres.js, in a statement that was built before',
		'postgres.js',
		async (tx, opened) => {
			const statement = (tx as postgres.TransactionSql).unsafe(INSERT);
			await opened;
			await statement;
		}
	],
	[
		'postgres.js, under a savepoint',
		'postgres.js',
		async (tx, opened) => {
			await (tx as postgres.TransactionSql).savepoint(async (sql) => {
				await opened;
				await sql.unsafe(INSERT);
			});
		}
	],
	[
		'postgres.js, and only its savepoint fails',
		'postgres.js',
		async (tx, opened) => {
			await (tx as postgres.TransactionSql).savepoint(async () => {
				await opened;
				throw new Error('late');
			});
		}
	],
	[
		'drizzle',
		'drizzle',
		async (tx, opened) => {
			await opened;
			await (tx as Tx).execute(INSERT);
		}
	],
	[
		'drizzle, in a statement that was built before',
		'drizzle',
		async (tx, opened) => {
			const statement = (tx as Tx).execute(text.raw(INSERT));
			await opened;
			await statement;
		}
	],
	[
		'drizzle, under a savepoint',
		'drizzle',
		async (tx, opened) => {
			await (tx as Tx).transaction(async (inner) => {
				await opened;
				await inner.execute(INSERT);
			});
		}
	],
	[
		'drizzle, and only its savepoint fails',
		'drizzle',
		async (tx, opened) => {
			await (tx as Tx).transaction(async () => {
				await opened;
				throw new Error('late');
			});
		}
	]
];

describe('a handler that is late', () => {
	test.each(HANDLERS)(
		'writes nothing, and leaves the transaction of a stranger alone: %s',
		async (_, client, late) => {
			const db = drizzle(own);
			const { end } = await lateIn(
				(work) => (client === 'drizzle' ? db.transaction(work as never) : own.begin(work as never)),
				late
			);
			const name = `stranger ${consumers}`;
			await own.begin(async (stranger) => {
				await stranger`insert into seen (name, data) values (${name}, '1')`;
				const outcome = await end();
				expect(outcome).toBeInstanceOf(Error);
				await stranger`insert into seen (name, data) values (${name}, '2')`;
				await stranger`insert into seen (name, data) values (${name}, '3')`;
			});
			expect(await stand.seen(name)).toEqual([1, 2, 3]);
			expect(await stand.seen()).toEqual([]);
		}
	);

	test('is told why its statement is refused', async () => {
		const { end } = await lateIn(
			(work) => own.begin(work as never),
			async (tx, opened) => {
				await opened;
				await (tx as postgres.TransactionSql).unsafe(INSERT);
			}
		);
		expect(await end()).toMatchObject({ code: 'transaction_over' });
	});
});

describe('a handler whose connection is lost', () => {
	const terminate = () => stand.sql`
		select pg_terminate_backend(pid) from pg_stat_activity
		where datname = current_database() and application_name = 'lost'`;
	const transaction = (work: (tx: never) => Promise<void>) =>
		own.begin(async (tx) => {
			await tx`select set_config('application_name', 'lost', true)`;
			await work(tx as never);
		});

	test('writes nothing later, and its end harms no stranger', async () => {
		const { end } = await lateIn(
			transaction,
			async (tx, opened) => {
				await terminate();
				await opened;
				await (tx as postgres.TransactionSql).unsafe(INSERT);
			},
			'lost'
		);
		const name = `stranger ${consumers}`;
		await own.begin(async (stranger) => {
			await stranger`insert into seen (name, data) values (${name}, '1')`;
			expect(await end()).toMatchObject({ code: 'transaction_over' });
			await stranger`insert into seen (name, data) values (${name}, '2')`;
			await stranger`insert into seen (name, data) values (${name}, '3')`;
		});
		expect(await stand.seen(name)).toEqual([1, 2, 3]);
		expect(await stand.seen()).toEqual([]);
	});

	test('writes nothing when it tries again at once', async () => {
		const { end } = await lateIn(
			transaction,
			async (tx) => {
				const sql = tx as postgres.TransactionSql;
				await sql`select pg_terminate_backend(pg_backend_pid())`.catch(() => sql.unsafe(INSERT));
			},
			'lost'
		);
		expect(await end()).toMatchObject({ code: 'transaction_over' });
		expect(await stand.seen()).toEqual([]);
	});

	test.each(['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN'])(
		'writes nothing when it tries again at once, and the network says %s',
		async (code) => {
			const { hostname, port } = new URL(stand.url);
			const sockets: Socket[] = [];
			const away = postgres(stand.url, {
				max: 1,
				onnotice: () => {},
				backoff: () => 0.05,
				socket: async () => {
					const socket = connect(Number(port || 5432), hostname);
					sockets.push(socket);
					await once(socket, 'connect');
					return socket;
				}
			} as postgres.Options<Record<string, never>>);
			let runs = 0;
			const { end } = await lateIn(
				(work) => (runs++ === 0 ? away : own).begin(work as never),
				async (tx) => {
					const sql = tx as postgres.TransactionSql;
					// Postgres would notice only after the statement, and hold the consumer's rows until then.
					await sql`select set_config('client_connection_check_interval', '10ms', true)`;
					const again = sql`select pg_sleep(60)`.catch(() => sql.unsafe(INSERT));
					const asked = () => stand.sql`
						select from pg_stat_activity where datname = current_database() and query = 'select pg_sleep(60)'`;
					// A network cannot be taken away here. Node ends a socket with the error of the system, and so do we.
					const cut = until(async () => (await asked()).length === 1, {
						what: 'the statement runs'
					}).then(() => sockets[0]!.destroy(Object.assign(new Error(`read ${code}`), { code })));
					await Promise.all([again, cut]);
				},
				'lost'
			);
			expect(await end()).toMatchObject({ code: 'transaction_over' });
			expect(await stand.seen()).toEqual([]);
			await away.end({ timeout: 0 });
		}
	);
});
