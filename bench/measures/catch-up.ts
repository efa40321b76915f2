import { openClient } from '../../src/app/driver-client.ts';
import { startLoad } from '../load/load.ts';
import { now } from '../stage/clock.ts';
import { startLogline, subscribe } from '../stage/logline.ts';
import { interleave, type Figures, type Measure, type Stage } from '../stage/measure.ts';
import { cpuSeconds, createPeople } from '../stage/postgres.ts';

const BATCH = 10_000;

/** How fast one client that is far behind gets the events it has missed. */
export const catchUp: Measure = {
	name: 'catch-up',
	run: (stage) =>
		stage.postgres.withDatabase(async (url) => {
			const events = stage.quick ? 100_000 : 1_000_000;
			stage.say(`catching up with ${events.toLocaleString('en-US')} events`);
			await createPeople(url, 1);
			await fill(url, events);
			const results = await interleave(stage, [
				{ name: 'Logline', role: 'ours', round: () => ours(stage, url, events) },
				{ name: 'SELECT through the driver', role: 'limit', round: () => select(url, events) }
			]);
			const what = `Catching up, 1 client ${events.toLocaleString('en-US')} events behind`;
			const head = { measure: 'catch-up', better: 'higher' } as const;
			return [
				results.row({ ...head, title: what, unit: 'events/s', picture: true }, 'events/s'),
				results.row({ ...head, title: `${what}: on the wire`, unit: 'MB/s' }, 'MB/s')
			];
		})
};

async function fill(url: string, events: number): Promise<void> {
	const sql = openClient(url, { max: 1, name: 'bench fill' });
	try {
		for (let from = 0; from < events; from += BATCH) {
			await sql`
				INSERT INTO events (topic, data)
				SELECT 'notifications', jsonb_build_object(
					'id', 'n-' || i, 'type', 'info', 'timestamp', now(),
					'message', '^0 A parcel for the harbour office has arrived at the gate.')
				FROM generate_series(${from}::int, ${from + BATCH - 1}::int) AS i`;
		}
		await sql`vacuum analyze events`;
	} finally {
		await sql.end();
	}
}

async function ours(stage: Stage, url: string, events: number): Promise<Figures> {
	const served = await startLogline(stage.program, url);
	const load = startLoad();
	try {
		await load.expect({ events });
		const cpu = await cpuSeconds(served.pid);
		const { startedAt } = await load.open({
			port: served.port,
			// Like a page that was rendered when the log was empty.
			handshake: subscribe({ lastEventID: '0' }),
			count: 1,
			first: 0,
			atOnce: 1
		});
		const { at, bytes } = await load.counted();
		const seconds = (at - startedAt) / 1000;
		return {
			'events/s': events / seconds,
			'MB/s': bytes / 1e6 / seconds,
			'CPU µs/event': (((await cpuSeconds(served.pid)) - cpu) * 1e6) / events
		};
	} finally {
		await load.stop();
		await served.stop();
	}
}

/** The same rows in pages of the same size, read by the driver without further processing. */
async function select(url: string, events: number): Promise<Figures> {
	const sql = openClient(url, { max: 1, name: 'bench select' });
	try {
		const from = now();
		let after = '0';
		let count = 0;
		while (count < events) {
			const rows = await sql<{ id: string }[]>`
				SELECT id::text, topic, user_id, data::text FROM events
				WHERE coalesce(user_id, '') = '' AND topic = 'notifications' AND id > ${after}
				ORDER BY events.id LIMIT 1000`;
			count += rows.length;
			after = rows[rows.length - 1]!.id;
		}
		return { 'events/s': (events * 1000) / (now() - from) };
	} finally {
		await sql.end();
	}
}
