/** The state of the application, from memory only: it works when Postgres does not respond. */

/** Body of `GET /api/health`. Times in milliseconds. */
export interface Health {
	/** `degraded`: the log cannot be read, written or relayed, or notifications do not arrive, so events are late. */
	status: 'ok' | 'degraded' | 'draining';
	timestamp: string;
	activeConnections: number;
	database: 'up' | 'down';
	/** `down`: no notification arrives. */
	listener: 'up' | 'down';
	/** Epoch of the log that this process reads. */
	log: string;
	/** Id up to which this process has delivered events. */
	head: string;
	/** Time since the last successful look at the log. */
	lagMs: number;
	/** Time since the outbox was last empty. */
	outboxLagMs: number;
	/** Rows that the log refused and events that a consumer could not handle, up to 10,000. An operator must look at them. */
	deadLetters: number;
	/** Events that this process could not send since its start. Clients got a gap instead. */
	setAside: number;
	/** Whether the last attempt to write to the log succeeded, by a caller or by this process's own probe. */
	lastAppend: 'ok' | 'failing';
	/** Partitions that are still empty; null before the first check. */
	partitionsLeft: number | null;
	/** Names of the parts, jobs and consumers that fail now. */
	failing: string[];
}

/** The parts from which health is read. */
export interface HealthParts {
	draining: boolean;
	activeConnections: number;
	head: bigint;
	tailer: {
		readonly epoch: string;
		readonly lastLook: number;
		readonly failing: boolean;
		readonly setAside: number;
	};
	relay: {
		readonly lastLook: number;
		readonly emptyAt: number;
		readonly deadLetters: number;
		readonly failing: boolean;
	};
	writer: { readonly failing: boolean };
	listener: { readonly state: 'up' | 'down' };
	/** Greatest id that has a partition, as far as known. */
	lastPartitioned: bigint | null;
	jobs: readonly { readonly name: string; readonly failing: boolean }[];
}

/** A look is due each second. After this time without one, the log or the relay counts as down. */
const SILENT_MS = 5_000;

/** Ids per partition. */
const PARTITION = 5_000_000n;

export function readHealth(parts: HealthParts): Health {
	const { tailer, relay, writer, listener, head } = parts;
	const now = performance.now();
	const since = (moment: number) => Math.round(now - moment);
	const lagMs = since(tailer.lastLook);
	const database = lagMs < SILENT_MS ? 'up' : 'down';
	// The relay takes the log's lock at each look. If it fails, no append can succeed.
	const lastAppend = writer.failing || relay.failing ? 'failing' : 'ok';
	const { lastPartitioned } = parts;
	const partitionsLeft =
		lastPartitioned === null ? null : Math.max(0, Number((lastPartitioned - head) / PARTITION));
	const well =
		database === 'up' &&
		listener.state === 'up' &&
		since(relay.lastLook) < SILENT_MS &&
		lastAppend === 'ok' &&
		partitionsLeft !== 0;
	const failing = parts.jobs.filter((job) => job.failing).map((job) => job.name);
	if (tailer.failing) failing.push('tailer');
	if (relay.failing) failing.push('relay');
	if (writer.failing) failing.push('writer');
	if (listener.state === 'down') failing.push('listener');
	return {
		status: parts.draining ? 'draining' : well ? 'ok' : 'degraded',
		timestamp: new Date().toISOString(),
		activeConnections: parts.activeConnections,
		database,
		listener: listener.state,
		log: tailer.epoch,
		head: head.toString(),
		lagMs,
		outboxLagMs: since(relay.emptyAt),
		deadLetters: relay.deadLetters,
		setAside: tailer.setAside,
		lastAppend,
		partitionsLeft,
		failing: failing.sort()
	};
}
