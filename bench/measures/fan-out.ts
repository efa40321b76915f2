import { startLoad, type Load } from '../load/load.ts';
import type { Handshake } from '../load/protocol.ts';
import { now } from '../stage/clock.ts';
import { startLogline } from '../stage/logline.ts';
import {
	interleave,
	type Contestant,
	type Figures,
	type Measure,
	type Stage
} from '../stage/measure.ts';
import { startMercure } from '../stage/mercure.ts';
import { startNchan } from '../stage/nchan.ts';
import { backendSeconds, cpuSeconds, createPeople } from '../stage/postgres.ts';
import { eventStream, startPeer, type Served } from '../stage/server.ts';

const CLIENTS = 2000;
const BURST = 100;

/** Text frames of a WebSocket client, masked with zeros. */
const SOCKET_IO_CONNECT = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x34, 0x30]).toString('base64');

const SOCKET_IO: Handshake = {
	request: [
		'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1',
		'Host: localhost',
		'Connection: Upgrade',
		'Upgrade: websocket',
		'Sec-WebSocket-Version: 13',
		'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
		'',
		''
	].join('\r\n'),
	steps: [{ wait: '0{"sid"', send: SOCKET_IO_CONNECT }, { wait: '40{"sid"' }]
};

interface Peer {
	name: string;
	role: Contestant['role'];
	/** null: not installed here. */
	start(): Promise<Served | null>;
}

const PEERS: Peer[] = [
	{ name: 'node:http loop', role: 'peer', start: () => startPeer('bare.mjs', eventStream('/')) },
	{ name: 'better-sse', role: 'peer', start: () => startPeer('better-sse.mjs', eventStream('/')) },
	{ name: 'Socket.IO', role: 'peer', start: () => startPeer('socket-io.mjs', SOCKET_IO) },
	{ name: 'nchan', role: 'peer', start: startNchan },
	{ name: 'Mercure', role: 'peer', start: startMercure },
	{ name: 'bare sockets', role: 'limit', start: () => startPeer('sockets.mjs', eventStream('/')) }
];

/** How fast an event reaches many clients, and what it costs the server. */
export const fanOut: Measure = {
	name: 'fan-out',
	run: (stage) =>
		stage.postgres.withDatabase(async (url) => {
			await createPeople(url, CLIENTS);
			stage.say(`fan-out to ${CLIENTS} clients`);
			const results = await interleave(stage, [
				{
					name: 'Logline',
					role: 'ours',
					round: () => round(stage, () => startLogline(stage.program, url), url)
				},
				...(await installed(stage)).map(({ name, role, start }) => ({
					name,
					role,
					round: () => round(stage, start)
				}))
			]);
			const note = 'Ours are committed to disk before they are sent; nobody else keeps them.';
			return [
				results.row(
					{
						measure: 'fan-out',
						title: `Fan-out, bursts of ${BURST} to 2,000 clients`,
						unit: 'deliveries/s',
						better: 'higher',
						note,
						picture: true
					},
					'burst/s',
					(to) => ({
						text: 'at least 2 × the loop, ahead of nchan',
						met: to('node:http loop') >= 2 && !(to('nchan') <= 1)
					})
				),
				results.row(
					{
						measure: 'fan-out',
						title: 'Fan-out, single events to 2,000 clients',
						unit: 'deliveries/s',
						better: 'higher',
						note,
						picture: true
					},
					'single/s',
					(to) => ({ text: 'at least 0.8 × the loop', met: to('node:http loop') >= 0.8 })
				),
				results.row(
					{
						measure: 'fan-out',
						title: `Server CPU per delivery, bursts of ${BURST}`,
						unit: 'µs',
						better: 'lower'
					},
					'burst µs'
				),
				results.row(
					{
						measure: 'fan-out',
						title: 'Server CPU per delivery, single events',
						unit: 'µs',
						better: 'lower'
					},
					'single µs'
				)
			];
		})
};

/** Returns the peers that can be started here. Prints a line for each that cannot. */
async function installed(stage: Stage): Promise<Peer[]> {
	const there: Peer[] = [];
	for (const peer of PEERS) {
		const served = await peer.start();
		if (served) there.push(peer);
		else stage.say(`  ${peer.name} is not installed here: skipped`);
		await served?.stop();
	}
	return there;
}

/** @param databaseUrl database whose backends work for the server */
async function round(
	stage: Stage,
	start: () => Promise<Served | null>,
	databaseUrl?: string
): Promise<Figures> {
	const served = await start();
	if (!served) throw new Error('It was there a moment ago');
	const load = startLoad();
	try {
		const { port, handshake } = served;
		await load.open({ port, handshake, count: CLIENTS, first: 0, atOnce: 100 });
		await emit(served, load, BURST, 3);
		const before = databaseUrl ? await backendSeconds(databaseUrl) : null;
		const bursts = await emit(served, load, BURST, stage.quick ? 5 : 30);
		const after = databaseUrl ? await backendSeconds(databaseUrl) : null;
		await emit(served, load, 1, 20);
		const singles = await emit(served, load, 1, stage.quick ? 50 : 300);
		return {
			'burst/s': bursts.perSecond,
			'burst µs': bursts.cpuMicros,
			'single/s': singles.perSecond,
			'single µs': singles.cpuMicros,
			...(before !== null && after !== null
				? { 'burst µs of Postgres': ((after - before) * 1e6) / bursts.deliveries }
				: {})
		};
	} finally {
		await load.stop();
		await served.stop();
	}
}

/** Sends bursts, each one after all clients have received the one before. */
async function emit(
	served: Served,
	load: Load,
	size: number,
	times: number
): Promise<{ deliveries: number; perSecond: number; cpuMicros: number }> {
	let took = 0;
	const cpu = await cpuSeconds(served.pid);
	for (let i = 0; i < times; i++) {
		await load.expect({ events: size });
		const from = now();
		served.emit(size);
		const { at } = await load.counted();
		took += at - from;
	}
	const deliveries = CLIENTS * size * times;
	return {
		deliveries,
		perSecond: (deliveries * 1000) / took,
		cpuMicros: (((await cpuSeconds(served.pid)) - cpu) * 1e6) / deliveries
	};
}
