/**
 * A server whose users send signals to rooms: `senders` says how many of them, and how often. It can append events meanwhile,
 * and says how long that takes. Signals are sent from inside, as a route would: a request for each would measure the requests.
 */
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { defineTopics, type TopicDefinition } from '../../src/lib/protocol/index.ts';
import { createLogline, errorResponse, sendStream } from '../../src/lib/server/index.ts';
import type { SentSignal } from '../../src/lib/server/index.ts';
import { quantile } from '../stage/statistics.ts';
import { now } from '../stage/clock.ts';

const schema: TopicDefinition['schema'] = {
	'~standard': { version: 1, vendor: 'bench', validate: (value) => ({ value }) }
};
const topics = defineTopics({
	'rooms/[room]/pointers': { schema, durable: false },
	notes: { schema }
});
const logline = createLogline({
	url: process.env.DATABASE_URL,
	migrate: false,
	topics,
	limits: { maxAgeMs: 0, maxConnectionsPerUser: 100 }
});
await logline.start();

const server = createServer((request, response) => {
	const { searchParams } = new URL(request.url ?? '/', 'http://localhost');
	const id = searchParams.get('client') ?? '';
	const headers = { get: (name: string) => request.headers[name]?.toString() ?? null };
	const viewer = { id, session: id, expires: new Date(Date.now() + 3_600_000) };
	logline
		.open({ searchParams, headers }, () => viewer)
		.catch(errorResponse)
		.then((stream) => sendStream(stream, response))
		.catch((error: unknown) => console.error(error));
});

let running: NodeJS.Timeout[] = [];

/** Rooms have ten users each. The senders take turns, so that they are spread over the time. */
function send(senders: number, everyMs: number): void {
	running.forEach(clearInterval);
	running = [];
	const slices = 50;
	for (let slice = 0; slice < slices && senders > 0; slice++) {
		const start = () => {
			const mine = () => {
				for (let i = slice; i < senders; i += slices) signal(i);
			};
			running.push(setInterval(mine, everyMs));
		};
		running.push(setTimeout(start, (slice * everyMs) / slices));
	}
}

function signal(i: number): void {
	const topic = `rooms/${Math.floor(i / 10)}/pointers`;
	const data = { at: `^${now().toFixed(3)} `, x: i, y: 2 * i };
	const sent = { event: topic, data, sender: { id: String(i), name: `User ${i}` } };
	logline.signal(sent as unknown as SentSignal<never>).catch((error: unknown) => {
		console.error(error);
		process.exit(1);
	});
}

/** Appends with some callers for a while. */
async function append(callers: number, forMs: number) {
	const times: number[] = [];
	const until = now() + forMs;
	const call = async () => {
		while (now() < until) {
			const from = now();
			await logline.append([{ topic: 'notes', data: { text: 'A parcel has arrived.' } }]);
			times.push(now() - from);
			if (callers === 1) await pause(20);
		}
	};
	await Promise.all(Array.from({ length: callers }, call));
	times.sort((a, b) => a - b);
	return { perSecond: (times.length * 1000) / forMs, p50: quantile(times, 0.5) };
}

process.on('message', (message: { type: string; [name: string]: number | string }) => {
	if (message.type === 'senders') send(Number(message.count), Number(message.everyMs));
	if (message.type === 'append') {
		append(Number(message.callers), Number(message.forMs)).then(
			(figures) => process.send?.({ type: 'appended', ...figures }),
			(error: unknown) => {
				console.error(error);
				process.exit(1);
			}
		);
	}
});
process.on('disconnect', () => process.exit());
server.listen(0, '127.0.0.1', () => {
	process.send?.({ type: 'port', port: (server.address() as { port: number }).port });
});
