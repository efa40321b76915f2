import { startLoad } from '../load/load.ts';
import { startLogline } from '../stage/logline.ts';
import { interleave, type Figures, type Measure } from '../stage/measure.ts';
import { createPeople } from '../stage/postgres.ts';
import { eventStream, settledMemory, startPeer, type NodeServed } from '../stage/server.ts';

const CLIENTS = 5000;
/** Clients opened and closed before, so that one-time allocations are not counted. */
const WARM_UP = 500;

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
				results.row({ ...head, title: 'Buffers outside the heap per idle client' }, 'buffers')
			];
		})
};

async function round(served: NodeServed): Promise<Figures> {
	const { port, handshake } = served;
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
