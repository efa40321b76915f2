/** What this process measures, as Prometheus reads it. All of it comes from memory: Postgres is not asked. */
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { Health } from 'logline/server';

/** Gauges of the log, from its health. The fields are explained in docs/operations.md. */
const GAUGES: [name: string, help: string, read: (health: Health) => number | null][] = [
	[
		'logline_database_up',
		'1 when the log was read in the last 5 s.',
		(h) => +(h.database === 'up')
	],
	['logline_listener_up', '1 when notifications arrive.', (h) => +(h.listener === 'up')],
	['logline_append_ok', '1 when the last append succeeded.', (h) => +(h.lastAppend === 'ok')],
	['logline_streams', 'Open streams.', (h) => h.activeConnections],
	['logline_head', 'Id up to which events were delivered.', (h) => Number(h.head)],
	['logline_lag_seconds', 'Time since the last look at the log.', (h) => h.lagMs / 1000],
	['logline_outbox_lag_seconds', 'Time since the outbox was empty.', (h) => h.outboxLagMs / 1000],
	[
		'logline_dead_letters',
		'Outbox rows that the log refused, and events that a consumer could not handle, up to 10,000.',
		(h) => h.deadLetters
	],
	['logline_set_aside', 'Events that could not be sent since the start.', (h) => h.setAside],
	['logline_partitions_left', 'Empty partitions ahead of the log.', (h) => h.partitionsLeft]
];

const STATES: readonly Health['status'][] = ['ok', 'degraded', 'draining'];

/** The metrics of a process. */
export interface Metrics {
	/** Returns the text for Prometheus, and its content type. */
	read(health: Health): Promise<{ text: string; type: string }>;
	/** Counts a response of `POST /api/publish`. */
	countPublish(status: number): void;
	/** Counts events that `POST /api/publish` has appended. */
	countPublished(appended: readonly { readonly duplicate: boolean }[]): void;
}

let metrics: Metrics | undefined;

/** Returns the metrics of this process. The first call begins to measure the process, which lasts as long as it. */
export const processMetrics = (): Metrics => (metrics ??= createMetrics());

function createMetrics(): Metrics {
	const register = new Registry();
	const registers = [register];
	collectDefaultMetrics({ register });
	const gauges = GAUGES.map(([name, help, read]) => ({
		gauge: new Gauge({ name, help, registers }),
		read
	}));
	const status = new Gauge({
		name: 'logline_status',
		help: '1 for the status that /api/health has now.',
		labelNames: ['status'],
		registers
	});
	const failing = new Gauge({
		name: 'logline_failing',
		help: '1 for each part that fails now.',
		labelNames: ['part'],
		registers
	});
	const responses = new Counter({
		name: 'logline_publish_responses_total',
		help: 'Responses of POST /api/publish.',
		labelNames: ['status'],
		registers
	});
	const events = new Counter({
		name: 'logline_published_events_total',
		help: 'Events that POST /api/publish has appended; duplicate: their keys were known.',
		labelNames: ['outcome'],
		registers
	});
	// From the beginning, so that the first one is an increase.
	for (const outcome of ['written', 'duplicate']) events.inc({ outcome }, 0);
	return {
		async read(health) {
			for (const { gauge, read } of gauges) gauge.set(read(health) ?? NaN);
			for (const state of STATES) status.set({ status: state }, +(health.status === state));
			failing.reset();
			for (const part of health.failing) failing.set({ part }, 1);
			return { text: await register.metrics(), type: register.contentType };
		},
		countPublish: (code) => responses.inc({ status: String(code) }),
		countPublished(appended) {
			const duplicates = appended.filter(({ duplicate }) => duplicate).length;
			events.inc({ outcome: 'duplicate' }, duplicates);
			events.inc({ outcome: 'written' }, appended.length - duplicates);
		}
	};
}
