/** A load generator: a process with many clients, so that their cost does not count as the server's. */
import { now } from '../stage/clock.ts';
import { quantile } from '../stage/statistics.ts';
import { Client, type Listener } from './client.ts';
import type { Answer, Call, Latencies, Opened, Operations, OpenRequest } from './protocol.ts';

/** A client that receives nothing for this long, although it should, has lost an event. Milliseconds. */
const PATIENCE_MS = 60_000;
/** Attempts per client before the benchmark fails. */
const ATTEMPTS = 50;

let clients: Client[] = [];
let expected = Infinity;
let missing = 0;
let bytesRead = 0;
let finishedAt = 0;
let times: number[] = [];
let failure: Error | null = null;
let onProgress: () => void = () => {};

function fail(error: Error): void {
	failure ??= error;
	onProgress();
}

const listener: Listener = {
	onReady: () => {},
	onLost: (_client, reason) => fail(new Error(`A client was lost: ${reason}`)),
	onEvents: (client, count, bytes) => {
		bytesRead += bytes;
		if (client.events > expected) fail(new Error(`A client got ${client.events} of ${expected}`));
		if (client.events >= expected && client.events - count < expected && --missing === 0) {
			finishedAt = now();
			onProgress();
		}
	},
	onLatency: null
};

function open({ port, handshake, count, first, atOnce }: OpenRequest): Promise<Opened> {
	return new Promise((resolve, reject) => {
		const startedAt = now();
		const readyAfter: number[] = [];
		let next = 0;
		let retried = 0;
		missing += expected === Infinity ? 0 : count;
		const start = (number: number) => {
			const client = new Client(number, port, handshake, {
				onReady: () => {
					readyAfter.push(now() - startedAt);
					clients.push(client);
					if (next < count) start(first + next++);
					if (readyAfter.length === count) done();
				},
				onLost: (lost, reason) => {
					if (lost.ready) return listener.onLost(lost, reason);
					if (++retried > ATTEMPTS * count) reject(new Error(reason));
					else setTimeout(start, 100, number);
				},
				onEvents: listener.onEvents,
				get onLatency() {
					return listener.onLatency;
				}
			});
		};
		const done = () => {
			readyAfter.sort((a, b) => a - b);
			resolve({
				startedAt,
				medianMs: quantile(readyAfter, 0.5),
				p99Ms: quantile(readyAfter, 0.99),
				lastMs: readyAfter[count - 1]!,
				retried
			});
		};
		while (next < Math.min(atOnce, count)) start(first + next++);
	});
}

const operations: Operations = {
	open,
	expect: async ({ events }) => {
		expected = events;
		missing = clients.length;
		bytesRead = 0;
		for (const client of clients) client.events = 0;
	},
	counted: () =>
		new Promise((resolve, reject) => {
			let before = -1;
			const watch = setInterval(() => {
				if (bytesRead === before) fail(new Error(`${missing} clients lack events`));
				before = bytesRead;
			}, PATIENCE_MS);
			onProgress = () => {
				if (!failure && missing > 0) return;
				clearInterval(watch);
				onProgress = () => {};
				if (failure) reject(failure);
				else resolve({ at: finishedAt, bytes: bytesRead });
			};
			onProgress();
		}),
	record: async () => {
		times = [];
		listener.onLatency = (ms) => times.push(ms);
	},
	latencies: async (): Promise<Latencies> => {
		listener.onLatency = null;
		if (failure) throw failure;
		const sorted = Float64Array.from(times).sort();
		return {
			count: sorted.length,
			p50: quantile(sorted, 0.5),
			p99: quantile(sorted, 0.99),
			max: sorted[sorted.length - 1] ?? NaN
		};
	},
	tally: async () => {
		const counts = clients.map((client) => client.events);
		return { least: Math.min(...counts), most: Math.max(...counts) };
	},
	close: async () => {
		for (const client of clients) client.close();
		clients = [];
		expected = Infinity;
		missing = 0;
	}
};

async function answer({ id, operation, request }: Call): Promise<void> {
	let reply: Answer;
	try {
		reply = { id, result: await operations[operation](request as never) };
	} catch (error) {
		reply = { id, error: String(error) };
	}
	process.send?.(reply);
}

process.on('message', (call: Call) => void answer(call));
process.on('disconnect', () => process.exit());
