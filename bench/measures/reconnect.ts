import { setTimeout as pause } from 'node:timers/promises';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { until } from '../../tests/support/until.ts';
import { startLoad, type Load } from '../load/load.ts';
import type { Opened } from '../load/protocol.ts';
import { now } from '../stage/clock.ts';
import { startLogline, subscribe } from '../stage/logline.ts';
import { interleave, type Figures, type Measure, type Stage } from '../stage/measure.ts';
import { cpuSeconds, createPeople } from '../stage/postgres.ts';
import { eventStream, startPeer, type Served } from '../stage/server.ts';

const CLIENTS = 5000;
const OTHERS = 100;
const BEHIND = 100;
/** 50 events per second for the other clients. */
const EVERY_MS = 20;
/** An idle backend reports its counters after ten seconds. */
const COUNTERS_MS = 11_000;

/** Many clients reconnect at once, as after a deploy, each a little behind. */
export const reconnect: Measure = {
	name: 'reconnect',
	run: (stage) =>
		stage.postgres.withDatabase(async (url) => {
			await createPeople(url, CLIENTS + OTHERS);
			stage.say(`${CLIENTS} clients reconnect at once, each ${BEHIND} events behind`);
			const results = await interleave(stage, [
				{ name: 'Logline', role: 'ours', round: () => ours(stage, url) },
				{ name: 'node:http, none behind', role: 'limit', round: () => bare(stage, url) }
			]);
			const head = { measure: 'reconnect', better: 'lower', unit: 'ms' } as const;
			return [
				results.row(
					{
						...head,
						title: '5,000 clients reconnect at once, each 100 events behind: all live',
						unit: 's',
						picture: true
					},
					'all live'
				),
				results.row(
					{ ...head, title: 'Reconnecting: SQL statements per client', unit: 'statements' },
					'statements',
					// Meanwhile the process also looks at the log once a second.
					(_to, { median }) => ({ text: 'one', met: median < 1.05 })
				),
				results.row(
					{ ...head, title: 'Reconnecting: 99 of 100 events reach other clients within' },
					'others p99'
				),
				results.row({ ...head, title: 'Before: 99 of 100 events reach them within' }, 'calm p99'),
				results.row({ ...head, title: 'Reconnecting: server CPU per client' }, 'CPU')
			];
		})
};

async function ours(stage: Stage, url: string): Promise<Figures> {
	const sql = openClient(url, { max: 2, name: 'bench' });
	const served = await startLogline(stage.program, url);
	const herd = startLoad();
	const others = startLoad();
	try {
		const { port } = served;
		const logs = subscribe({ topics: ['logs'] });
		await others.open({ port, handshake: logs, count: OTHERS, first: CLIENTS, atOnce: 50 });
		// Every client has been connected before.
		await herd.open({ port, handshake: subscribe(), count: CLIENTS, first: 0, atOnce: 100 });

		let cursor = await leave(sql, herd, port);
		await pause(COUNTERS_MS);
		const before = await statements(sql);
		const cpu = await cpuSeconds(served.pid);
		const opened = await comeBack(herd, port, cursor);
		const cpuMs = ((await cpuSeconds(served.pid)) - cpu) * 1000;
		await pause(COUNTERS_MS);
		const made = (await statements(sql)) - before;

		cursor = await leave(sql, herd, port);
		const writer = writeForOthers(sql);
		await pause(500);
		await others.record();
		await pause(stage.quick ? 1000 : 4000);
		const calm = await others.latencies();
		await others.record();
		await comeBack(herd, port, cursor);
		const during = await others.latencies();
		await writer.stop();
		return {
			'all live': opened.lastMs / 1000,
			retried: opened.retried,
			statements: made / CLIENTS,
			'others p99': during.p99,
			'others max': during.max,
			'calm p99': calm.p99,
			CPU: cpuMs / CLIENTS
		};
	} finally {
		await Promise.all([herd.stop(), others.stop()]);
		await served.stop();
		await sql.end();
	}
}

/**
 * Closes the clients' connections and adds events that they miss.
 *
 * @returns the cursor that they had
 */
async function leave(sql: Sql, herd: Load, port: number): Promise<string> {
	await herd.close();
	const [row] = await sql<
		{ head: string }[]
	>`select coalesce(max(id), 0)::text as head from events`;
	await sql`
		INSERT INTO events (topic, data)
		SELECT 'notifications', jsonb_build_object(
			'id', 'n-' || i, 'type', 'info', 'timestamp', now(),
			'message', '^0 A parcel for the harbour office has arrived at the gate.')
		FROM generate_series(1, ${BEHIND}::int) AS i`;
	await until(
		async () => {
			const response = await fetch(`http://127.0.0.1:${port}/api/health`);
			return (
				((await response.json()) as { activeConnections: number }).activeConnections === OTHERS
			);
		},
		{ what: 'the server has noticed that the herd is gone', timeoutMs: 30_000, everyMs: 100 }
	);
	return row!.head;
}

async function comeBack(herd: Load, port: number, lastEventID: string): Promise<Opened> {
	await herd.expect({ events: BEHIND });
	const opened = await herd.open({
		port,
		handshake: subscribe({ lastEventID }),
		count: CLIENTS,
		first: 0,
		atOnce: CLIENTS
	});
	await herd.counted();
	return opened;
}

/** Returns the number of statements that the database has run, each in its own transaction. */
async function statements(sql: Sql): Promise<number> {
	const [row] = await sql<{ n: number }[]>`
		select xact_commit::float8 as n from pg_stat_database where datname = current_database()`;
	return row!.n;
}

/** Another program that publishes at a steady rate. Load on the server does not slow it down. */
function writeForOthers(sql: Sql): { stop(): Promise<void> } {
	let over = false;
	const run = async () => {
		for (let due = now(); !over; due += EVERY_MS) {
			await pause(Math.max(0, due - now()));
			await sql`
				INSERT INTO events (topic, data) VALUES ('logs', ${sql.json({
					id: 'l',
					level: 'info',
					source: 'bench',
					message: `^${now().toFixed(3)} The gate was opened.`,
					timestamp: new Date().toISOString()
				})})`;
		}
	};
	const running = run();
	return {
		stop: async () => {
			over = true;
			await running;
		}
	};
}

/**
 * The herd connects to a bare server, while Logline serves the other clients. What they then wait for is what the machine
 * takes: the herd itself and a server share its cores with Postgres.
 */
async function bare(stage: Stage, url: string): Promise<Figures> {
	const sql = openClient(url, { max: 2, name: 'bench' });
	const logline = await startLogline(stage.program, url);
	const served: Served = await startPeer('bare.mjs', eventStream('/'));
	const herd = startLoad();
	const others = startLoad();
	try {
		const logs = subscribe({ topics: ['logs'] });
		const those = { handshake: logs, count: OTHERS, first: CLIENTS, atOnce: 50 };
		await others.open({ port: logline.port, ...those });
		const writer = writeForOthers(sql);
		await pause(500);
		await others.record();
		const cpu = await cpuSeconds(served.pid);
		const { port, handshake } = served;
		const all = { port, handshake, count: CLIENTS, first: 0, atOnce: CLIENTS };
		const opened = await herd.open(all);
		const cpuMs = ((await cpuSeconds(served.pid)) - cpu) * 1000;
		const during = await others.latencies();
		await writer.stop();
		return {
			'all live': opened.lastMs / 1000,
			'others p99': during.p99,
			CPU: cpuMs / CLIENTS
		};
	} finally {
		await Promise.all([herd.stop(), others.stop()]);
		await Promise.all([served.stop(), logline.stop()]);
		await sql.end();
	}
}
