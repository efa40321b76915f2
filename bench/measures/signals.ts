import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startLoad } from '../load/load.ts';
import { Child } from '../stage/child.ts';
import { interleave, type Figures, type Measure, type Stage } from '../stage/measure.ts';
import { eventStream } from '../stage/server.ts';

const SENDERS = 1000;
const ROOM = 10;
/** Each sender sends ten signals a second. */
const EVERY_MS = 100;

/** The time from `logline.signal` until the other members of a room have the signal, and what an append pays meanwhile. */
export const signals: Measure = {
	name: 'signals',
	run: (stage) =>
		stage.postgres.withDatabase(async (url) => {
			stage.say('signals, 1,000 senders at 10/s, rooms of 10');
			const results = await interleave(stage, [
				{ name: 'Logline', role: 'ours', round: () => round(stage, url) }
			]);
			const head = { measure: 'signals', better: 'lower' } as const;
			return [
				results.row(
					{ ...head, title: 'Signal to receipt, 1,000 senders at 10/s: median', unit: 'ms' },
					'p50',
					(_, { median }) => ({ text: 'at most 60 ms', met: median <= 60 })
				),
				results.row({ ...head, title: 'Signal to receipt: 99 of 100 within', unit: 'ms' }, 'p99'),
				results.row(
					{
						...head,
						title: 'Append beside 1,000 senders, one caller: time, to the time without',
						unit: '×'
					},
					'appendTime'
				),
				results.row(
					{
						...head,
						better: 'higher',
						title: 'Append beside 1,000 senders, 64 callers: events/s, to those without',
						unit: '×',
						note: 'Server, database and 1,000 clients share the cores of the machine.'
					},
					'appendSpeed',
					(_, { median }) => ({ text: 'at least 0.9 ×', met: median >= 0.9 })
				)
			];
		})
};

interface Appended {
	type: string;
	perSecond: number;
	p50: number;
}

async function round(stage: Stage, url: string): Promise<Figures> {
	const file = fileURLToPath(import.meta.resolve('../load/signal-server.ts'));
	const server = new Child('The server of signals', file, {
		argv: ['--import', 'tsx'],
		env: { ...process.env, DATABASE_URL: url }
	});
	const load = startLoad();
	const forMs = stage.quick ? 1000 : 5000;
	const append = async (callers: number): Promise<Appended> => {
		const told = server.receive<Appended>(({ type }) => type === 'appended');
		server.send({ type: 'append', callers, forMs });
		return told;
	};
	try {
		const { port } = await server.receive<{ type: string; port: number }>(
			({ type }) => type === 'port'
		);
		for (let first = 0; first < SENDERS; first += ROOM) {
			const path = `/api/events?topics=rooms/${first / ROOM}/pointers&client=bench-{i}`;
			const handshake = eventStream(path, { ready: 'event: caught-up' });
			await load.open({ port, handshake, count: ROOM, first, atOnce: ROOM });
		}
		await append(64);
		const [aloneOne, aloneMany] = [await append(1), await append(64)];
		server.send({ type: 'senders', count: SENDERS, everyMs: EVERY_MS });
		await pause(stage.quick ? 500 : 2000);
		await load.record();
		await pause(stage.quick ? 1500 : 8000);
		const { p50, p99, count } = await load.latencies();
		const [besideOne, besideMany] = [await append(1), await append(64)];
		return {
			p50,
			p99,
			receivedPerSecond: (count * 1000) / (stage.quick ? 1500 : 8000),
			appendTime: besideOne.p50 / aloneOne.p50,
			appendSpeed: besideMany.perSecond / aloneMany.perSecond
		};
	} finally {
		await load.stop();
		await server.stop();
	}
}
