import { setTimeout as pause } from 'node:timers/promises';
import { openClient } from '../../src/app/driver-client.ts';
import { startLoad } from '../load/load.ts';
import { now } from '../stage/clock.ts';
import { startLogline } from '../stage/logline.ts';
import { interleave, type Figures, type Measure, type Row, type Stage } from '../stage/measure.ts';
import { createPeople, createPlainTable } from '../stage/postgres.ts';
import { quantile } from '../stage/statistics.ts';

/** 50 events per second. */
const EVERY_MS = 20;

/** The time from the call of `append` until a client has the event. The event is durable before it is sent. */
export const latency: Measure = {
	name: 'latency',
	run: (stage) =>
		stage.postgres.withDatabase(async (url) => {
			await createPeople(url, 1000);
			await createPlainTable(url);
			const rows: Row[] = [];
			for (const clients of [1, 1000]) {
				const who = clients === 1 ? '1 client' : '1,000 clients';
				stage.say(`emit to receipt, ${who}, 50 events/s`);
				const results = await interleave(stage, [
					{ name: 'Logline', role: 'ours', round: () => ours(stage, url, clients) },
					{ name: 'bare INSERT', role: 'limit', round: () => bareInsert(stage, url) }
				]);
				const head = { measure: 'latency', unit: 'ms', better: 'lower' } as const;
				rows.push(
					results.row(
						{ ...head, title: `Emit to receipt, ${who}: median`, picture: true },
						'p50',
						clients === 1
							? (to) => ({
									text: 'at most 4 × the round trip of a bare INSERT',
									met: to('bare INSERT') <= 4
								})
							: undefined
					),
					results.row({ ...head, title: `Emit to receipt, ${who}: 99 of 100 within` }, 'p99')
				);
			}
			return rows;
		})
};

async function ours(stage: Stage, url: string, clients: number): Promise<Figures> {
	const served = await startLogline(stage.program, url);
	const load = startLoad();
	try {
		const { port, handshake } = served;
		await load.open({ port, handshake, count: clients, first: 0, atOnce: 100 });
		served.send({ type: 'pace', everyMs: EVERY_MS });
		await pause(stage.quick ? 500 : 2000);
		await load.record();
		await pause(stage.quick ? 1500 : 8000);
		const { p50, p99 } = await load.latencies();
		served.send({ type: 'pace', everyMs: 0 });
		return { p50, p99 };
	} finally {
		await load.stop();
		await served.stop();
	}
}

/** One connection, one row, one commit, no notification. */
async function bareInsert(stage: Stage, url: string): Promise<Figures> {
	const sql = openClient(url, { max: 1, name: 'bench insert' });
	const times: number[] = [];
	const data = JSON.stringify({
		message: 'A parcel for the harbour office has arrived at the gate.'
	});
	try {
		const warmUp = 25;
		const count = warmUp + (stage.quick ? 75 : 400);
		for (let i = 0; i < count; i++) {
			const from = now();
			await sql.unsafe(
				'INSERT INTO plain_events (topic, data) VALUES ($1, $2::text::jsonb)',
				['notifications', data],
				{ prepare: true }
			);
			if (i >= warmUp) times.push(now() - from);
			await pause(EVERY_MS);
		}
	} finally {
		await sql.end();
	}
	times.sort((a, b) => a - b);
	return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}
