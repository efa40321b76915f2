import { startLoad } from '../load/load.ts';
import { openClient } from '../../src/app/driver-client.ts';
import type { Handshake } from '../load/protocol.ts';
import { startLogline, subscribe } from '../stage/logline.ts';
import { interleave, type Figures, type Measure, type Row, type Stage } from '../stage/measure.ts';
import { createPeople } from '../stage/postgres.ts';
import { eventStream, settledMemory, startPeer, type NodeServed } from '../stage/server.ts';

const CLIENTS = 5000;
/** Clients opened and closed before, so that one-time allocations are not counted. */
const WARM_UP = 500;
/** Events that a client which was away has missed. */
const BEHIND = 100;

/** Memory that an idle client costs the server. */
export const memory: Measure = {
	name: 'memory',
	run: (stage) =>
		stage.postgres.withDatabase(async (url) => {
			await createPeople(url, CLIENTS);
			stage.say(`memory of ${CLIENTS} idle clients`);
			const results = await interleave(stage, [
				{
					name: 'Logline',
					role: 'ours',
					round: async () => round(await startLogline(stage.program, url))
				},
				{
					name: 'better-sse',
					role: 'peer',
					round: async () => round(await startPeer('better-sse.mjs', eventStream('/')))
				},
				{
					name: 'bare node:http',
					role: 'limit',
					round: async () => round(await startPeer('bare.mjs', eventStream('/')))
				}
			]);
			const head = { measure: 'memory', unit: 'KB', better: 'lower' } as const;
			return [
				results.row(
					{ ...head, title: 'Heap per idle client, of 5,000', picture: true },
					'heap',
					(_to, { median }) => ({ text: 'at most 14 KB', met: median <= 14 })
				),
				results.row({ ...head, title: 'Resident memory per idle client, of 5,000' }, 'resident'),
				results.row({ ...head, title: 'Buffers outside the heap per idle client' }, 'buffers'),
				...(await afterReplay(stage, url))
			];
		})
};

/** What stays of a replay when the client is idle again. */
async function afterReplay(stage: Stage, url: string): Promise<Row[]> {
	const sql = openClient(url, { max: 1, name: 'bench' });
	await sql`
		INSERT INTO events (topic, data)
		SELECT 'notifications', jsonb_build_object(
			'id', 'n-' || i, 'type', 'info', 'timestamp', now(),
			'message', 'A parcel for the harbour office has arrived at the gate.')
		FROM generate_series(1, ${BEHIND}::int) AS i`;
	const [row] = await sql<{ head: string }[]>`select max(id)::text as head from events`;
	await sql.end();
	const from = (lastEventID: string) => subscribe({ lastEventID });
	const results = await interleave(stage, [
		{
			name: 'Logline',
			role: 'ours',
			round: async () => round(await startLogline(stage.program, url), from('0'))
		},
		{
			name: 'without replay',
			role: 'limit',
			round: async () => round(await startLogline(stage.program, url), from(row!.head))
		}
	]);
	const what = `per idle client that was ${BEHIND} events behind`;
	const head = { measure: 'memory', unit: 'KB', better: 'lower' } as const;
	return [
		results.row({ ...head, title: `Heap ${what}` }, 'heap'),
		results.row({ ...head, title: `Resident memory ${what}` }, 'resident')
	];
}

async function round(
	served: NodeServed,
	handshake: Handshake = served.handshake
): Promise<Figures> {
	const { port } = served;
	const load = startLoad();
	try {
		const warm = startLoad();
		await warm.open({ port, handshake, count: WARM_UP, first: 0, atOnce: 100 });
		await warm.stop();
		const before = await settledMemory(served);
		await load.open({ port, handshake, count: CLIENTS, first: 0, atOnce: 100 });
		const after = await settledMemory(served);
		const perClient = (figure: keyof NodeJS.MemoryUsage) =>
			(after[figure] - before[figure]) / CLIENTS / 1024;
		return {
			heap: perClient('heapUsed'),
			resident: perClient('rss'),
			buffers: perClient('external')
		};
	} finally {
		await load.stop();
		await served.stop();
	}
}
