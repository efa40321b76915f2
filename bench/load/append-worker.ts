/**
 * Appends as fast as possible for a time, with many concurrent callers, in one of several ways. Reports the rate and the
 * latencies. It is a process of its own, like an application.
 */
import { randomUUID } from 'node:crypto';
import pino from 'pino';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { encodeEvent } from '../../src/lib/server/log/accept.ts';
import { Writer } from '../../src/lib/server/log/append.ts';
import { arrayLiteral } from '../../src/lib/server/database/array-literal.ts';
import { Relay } from '../../src/lib/server/log/relay.ts';
import { now } from '../stage/clock.ts';
import { backendSeconds } from '../stage/postgres.ts';
import { quantile } from '../stage/statistics.ts';

/** How to append. */
export type Way = 'writer' | 'notify' | 'plain' | 'outbox' | 'rows';

export interface Order {
	way: Way;
	url: string;
	/** Number of concurrent callers. Each waits for its own append before the next. */
	callers: number;
	/** Way "writer": each event is a message in a random one of so many rooms. Absent: all have one topic. */
	rooms?: number;
	warmUpMs: number;
	measureMs: number;
}

/** Latencies in milliseconds. */
export interface Told {
	type: 'told';
	perSecond: number;
	p50: number;
	p99: number;
	/** CPU time of the database's backends per event, in microseconds. NaN: they are not on this machine. */
	backendMicros: number;
	/** Time from the last answer until everything was in the log, in milliseconds. */
	behind: number;
}

interface Door {
	/** Appends `rowsPerAppend` events, and resolves when they are committed. */
	append(): Promise<unknown>;
	rowsPerAppend: number;
	callers: number;
	/** Waits until all appended events can be read. */
	settle(): Promise<void>;
	close(): Promise<void>;
}

const data = () => ({
	id: randomUUID(),
	type: 'info',
	message: 'A parcel for the harbour office has arrived at the gate, and waits for a signature.',
	timestamp: new Date().toISOString()
});

const TOPIC = 'notifications';

/** What most people write: one row and one notification per event. */
const INSERT_AND_NOTIFY = `WITH inserted AS (INSERT INTO plain_events (topic, data) VALUES ($1, $2::text::jsonb) RETURNING id)
	SELECT id, pg_notify('plain_events', id::text) FROM inserted`;

const doors: Record<Way, (order: Order) => Promise<Door> | Door> = {
	writer: async ({ url, callers, rooms }) => {
		const topic = () =>
			rooms === undefined ? TOPIC : `rooms/${Math.floor(Math.random() * rooms)}/messages`;
		const listener = await listen(url, 'logline_events');
		const writer = new Writer(new SoleConnection(url, { name: 'bench writer' }));
		return {
			append: () => writer.append([encodeEvent({ topic: topic(), data: data() })]),
			rowsPerAppend: 1,
			callers,
			settle: async () => {},
			close: async () => {
				await writer.close();
				await listener.end();
			}
		};
	},
	notify: async ({ url, callers }) => {
		const listener = await listen(url, 'plain_events');
		// Ten connections is a usual pool size. With 32 callers, the measure is about 32 connections.
		const sql = openClient(url, { max: callers === 32 ? 32 : 10, name: 'bench notify' });
		return {
			append: () =>
				sql.unsafe(INSERT_AND_NOTIFY, [TOPIC, JSON.stringify(data())], { prepare: true }),
			rowsPerAppend: 1,
			callers,
			settle: async () => {},
			close: async () => {
				await sql.end();
				await listener.end();
			}
		};
	},
	plain: ({ url, callers }) => {
		const sql = openClient(url, { max: 32, name: 'bench plain' });
		return {
			append: () =>
				sql.unsafe(
					'INSERT INTO plain_events (topic, data) VALUES ($1, $2::text::jsonb)',
					[TOPIC, JSON.stringify(data())],
					{ prepare: true }
				),
			rowsPerAppend: 1,
			callers,
			settle: async () => {},
			close: () => sql.end()
		};
	},
	rows: ({ url, callers }) => {
		// The limit: one statement at a time, with as many rows as there are callers.
		const sql = openClient(url, { max: 1, name: 'bench rows' });
		return {
			append: () => {
				const rows = Array.from({ length: callers }, () => JSON.stringify(data()));
				return sql.unsafe(
					'INSERT INTO plain_events (topic, data) SELECT $1, t::jsonb FROM unnest($2::text[]) AS t',
					[TOPIC, arrayLiteral(rows)],
					{ prepare: true }
				);
			},
			rowsPerAppend: callers,
			callers: 1,
			settle: async () => {},
			close: () => sql.end()
		};
	},
	outbox: outboxDoor
};

/**
 * A listener for the appended events, as every application with live features has: without a listener, appending is cheaper.
 */
async function listen(url: string, channel: string): Promise<Sql> {
	const sql = openClient(url, { max: 1, name: 'bench listener' });
	await sql.listen(channel, () => {});
	return sql;
}

async function outboxDoor({ url, callers }: Order): Promise<Door> {
	const listener = await listen(url, 'logline_events');
	const sql = openClient(url, { max: 32, name: 'bench outbox' });
	const quiet: Sql = await quietly(url);
	const relay = new Relay(
		new SoleConnection(url, { name: 'bench relay' }),
		pino({ level: 'silent' })
	);
	relay.start();
	return {
		append: async () => {
			await quiet.unsafe(
				'INSERT INTO outbox (topic, data) VALUES ($1, $2::text::jsonb)',
				[TOPIC, JSON.stringify(data())],
				{ prepare: true }
			);
			relay.kick();
		},
		rowsPerAppend: 1,
		callers,
		settle: async () => {
			for (;;) {
				const [row] = await sql<{ left: boolean }[]>`select exists (select from outbox) as left`;
				if (!row!.left) return;
			}
		},
		close: async () => {
			await relay.stop();
			await Promise.all([sql.end(), quiet.end(), listener.end()]);
		}
	};
}

/** Connections of a program that kicks its own relay after each commit, so its commits need no notification. */
async function quietly(url: string): Promise<Sql> {
	const target = new URL(url);
	target.searchParams.set('logline.kick', 'off');
	return openClient(target.href, { max: 32, name: 'bench outbox quiet' });
}

async function work(order: Order): Promise<Told> {
	const door = await doors[order.way](order);
	const times: number[] = [];
	let measuring = false;
	let over = false;
	let failure: unknown = null;
	const call = async () => {
		while (!over) {
			const from = now();
			await door.append();
			if (measuring) times.push(now() - from);
		}
	};
	const calls = Array.from({ length: door.callers }, () =>
		call().catch((error: unknown) => {
			failure = error;
			over = true;
		})
	);
	await new Promise((resolve) => setTimeout(resolve, order.warmUpMs));
	const cpu = await backendSeconds(order.url);
	measuring = true;
	const from = now();
	await new Promise((resolve) => setTimeout(resolve, order.measureMs));
	const took = now() - from;
	measuring = false;
	const spent = ((await backendSeconds(order.url)) ?? NaN) - (cpu ?? NaN);
	over = true;
	await Promise.all(calls);
	const answered = now();
	await door.settle();
	const behind = now() - answered;
	await door.close();
	if (failure) throw failure;
	const sorted = Float64Array.from(times).sort();
	return {
		type: 'told',
		perSecond: (times.length * door.rowsPerAppend * 1000) / took,
		p50: quantile(sorted, 0.5),
		p99: quantile(sorted, 0.99),
		backendMicros: (spent * 1e6) / (times.length * door.rowsPerAppend),
		behind
	};
}

process.on('message', (order: Order) => {
	work(order).then(
		(told) => process.send?.(told),
		(error: unknown) => {
			console.error(error);
			process.exit(1);
		}
	);
});
process.on('disconnect', () => process.exit());
