import { setTimeout as pause } from 'node:timers/promises';
import { openClient } from '../../src/app/driver-client.ts';
import { startLoad } from '../load/load.ts';
import { allowedDescriptors } from '../report/conditions.ts';
import { startLogline, subscribe } from '../stage/logline.ts';
import { interleave, type Figures, type Measure, type Stage } from '../stage/measure.ts';
import { createPeople } from '../stage/postgres.ts';
import { declareAndGrant, MESSAGE, WILDCARD } from '../stage/rooms.ts';
import { settledMemory } from '../stage/server.ts';

const STREAMS = 10_000;
const ROOMS = 5000;
/** What a process needs besides its sockets. */
const RESERVE = 500;
/** Clients opened and closed before, so that one-time allocations are not counted. */
const WARM_UP = 500;
/** 200 events per second. */
const EVERY_MS = 5;
const NAMED = 'one topic for all';

/** Where the application sends its events; see peers/logline.mjs. */
type To = { rooms: number } | { users: number };

/** Many streams in many rooms: how soon a message reaches the members, and what an idle stream costs. */
export const rooms: Measure = {
	name: 'rooms',
	run: (stage) =>
		stage.postgres.withDatabase(async (url) => {
			const allowed = await allowedDescriptors();
			const streams = Math.min(stage.quick ? 1000 : STREAMS, allowed - RESERVE);
			const who = `${streams.toLocaleString('en-US')} streams in ${ROOMS.toLocaleString('en-US')} rooms`;
			stage.say(who);
			await createPeople(url, streams);
			await declareAndGrant(stage, url, async (sql) => {
				// Two rooms each.
				await sql`
					INSERT INTO grants (scope, user_id)
					SELECT 'rooms/' || i % ${ROOMS}::int, 'bench-' || i FROM generate_series(0, ${streams - 1}::int) AS i
					UNION ALL SELECT 'rooms/' || (i + 1 + i * 37 % (${ROOMS}::int - 1)) % ${ROOMS}::int, 'bench-' || i
					FROM generate_series(0, ${streams - 1}::int) AS i`;
			});
			await greet(url);
			const results = await interleave(stage, [
				{
					name: 'Logline',
					role: 'ours',
					round: () => round(stage, url, streams, WILDCARD, { rooms: ROOMS })
				},
				{
					name: NAMED,
					role: 'limit',
					round: () => round(stage, url, streams, 'notifications', { users: streams })
				}
			]);
			const head = { measure: 'rooms', better: 'lower' } as const;
			const each = 'each with a wildcard and two grants';
			const note =
				'Beside it: all streams have one topic, and each event is for one random user. An event for all of them would be two million deliveries a second.';
			return [
				results.row(
					{ ...head, title: `200 events/s, ${who}: emit to receipt, median`, unit: 'ms', note },
					'p50'
				),
				results.row(
					{ ...head, title: `200 events/s, ${who}: 99 of 100 within`, unit: 'ms', note },
					'p99'
				),
				results.row({ ...head, title: `${who}, ${each}: all open`, unit: 's' }, 'all open'),
				results.row({ ...head, title: `Heap per idle stream, ${each}`, unit: 'KB' }, 'heap'),
				results.row(
					{ ...head, title: `Resident memory per idle stream, ${each}`, unit: 'KB' },
					'resident'
				)
			];
		})
};

/** Every room has had an event. */
async function greet(url: string): Promise<void> {
	const sql = openClient(url, { max: 1, name: 'bench rooms' });
	try {
		await sql.unsafe(`
			INSERT INTO events (topic, data)
			SELECT 'rooms/' || i || '/messages', ${MESSAGE} FROM generate_series(0, ${ROOMS - 1}) AS i`);
		await sql`vacuum analyze`;
	} finally {
		await sql.end();
	}
}

async function round(
	stage: Stage,
	url: string,
	streams: number,
	topic: string,
	to: To
): Promise<Figures> {
	const served = await startLogline(stage.program, url);
	const load = startLoad();
	try {
		const { port } = served;
		const handshake = subscribe({ topics: [topic] });
		const warm = startLoad();
		await warm.open({ port, handshake, count: WARM_UP, first: 0, atOnce: 100 });
		await warm.stop();
		const before = await settledMemory(served);
		const opened = await load.open({ port, handshake, count: streams, first: 0, atOnce: 100 });
		const after = await settledMemory(served);
		served.send({ type: 'pace', everyMs: EVERY_MS, to });
		await pause(stage.quick ? 500 : 2000);
		await load.record();
		const ms = stage.quick ? 1500 : 8000;
		await pause(ms);
		const { p50, p99, count } = await load.latencies();
		served.send({ type: 'pace', everyMs: 0 });
		const perStream = (figure: keyof NodeJS.MemoryUsage) =>
			(after[figure] - before[figure]) / streams / 1024;
		return {
			p50,
			p99,
			'deliveries/s': (count * 1000) / ms,
			'all open': opened.lastMs / 1000,
			heap: perStream('heapUsed'),
			resident: perStream('rss')
		};
	} finally {
		await load.stop();
		await served.stop();
	}
}
