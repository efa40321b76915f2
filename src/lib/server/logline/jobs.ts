import type { TopicRegistry } from '../../protocol/index.ts';
import type { Queryable } from '../database/queryable.ts';
import { SoleConnection } from '../database/sole-connection.ts';
import { forgetClients, forgetSessions } from '../streams/subscriptions.ts';
import type { Writer } from '../log/append.ts';
import { declareTopics, renewDeclarations } from '../log/declarations.ts';
import { sweepGrants, sweepMirrors } from '../log/grants/sweep.ts';
import { forgetAnswers } from '../log/retention/maintain.ts';
import { ensurePartitions } from '../log/retention/partitions.ts';
import { trimLog } from '../log/retention/retention.ts';
import type { Roster } from '../streams/roster.ts';
import type { Logger } from '../work/logger.ts';
import { startLoop, type Loop } from '../work/loop.ts';
import { Trouble } from '../work/trouble.ts';

/** How often a process checks whether new partitions are needed, in milliseconds. */
const PARTITIONS_MS = 5_000;

/** How often a process checks that the log can be written if nobody has written, in milliseconds. */
const PROBE_MS = 5_000;

/**
 * How often a process compares all grants with their tables and with their history, in milliseconds. Triggers see nearly
 * every change. And how soon again when a table could not be compared.
 */
const SWEEP_MS = 600_000;
const SWEEP_AGAIN_MS = 60_000;

/** How often a process writes who is connected, in milliseconds. */
const ROSTER_MS = 10_000;

/** How often a process deletes old rows, in milliseconds. */
const MAINTENANCE_MS = 60_000;

/**
 * Limit of the ended sessions whose rows are still to be deleted, and of those deleted in one statement. Above the limit,
 * the rows are deleted when they are old.
 */
const MAX_ENDED = 10_000;
const ENDED = 500;

/** What the jobs need. */
export interface JobParts {
	url: string;
	/** Of the connection for long statements. */
	settings: Record<string, string>;
	logger: Logger;
	background: Queryable;
	topics: TopicRegistry;
	/** What the first declaration of the topics returned. */
	declaredAt: string;
	writer: Writer;
	roster: Roster;
	/** How long retention waits for consumers; undefined: the default. */
	consumerWaitSeconds: number | undefined;
}

/** The background work of a process. */
export interface Jobs {
	readonly all: readonly Loop[];
	/** Greatest id that has a partition, as far as known. */
	readonly lastPartitioned: bigint | null;
	/** Aborted when the process begins to stop them. Other long work ends by it, too. */
	readonly stopping: AbortSignal;
	/** Checks the partitions now. */
	makePartitions(): void;
	/** Declares the topics once more now: the log is another one, or has lost what was written last. */
	declareAgain(): void;
	/** Deletes what the log stores about a session that has ended. Tries again when the database is away. */
	forgetSession(sessionID: string): void;
	/** Stops all jobs, even in the middle of a long trim. The rest is done next time. */
	stop(): Promise<void>;
}

/** Starts the jobs. Each has its own loop: a trim that takes an hour must not delay new partitions. */
export function startJobs(parts: JobParts): Jobs {
	const { url, settings, logger, background, topics, declaredAt } = parts;
	const { writer, roster, consumerWaitSeconds } = parts;
	const retention = new SoleConnection(url, { name: 'retention', answerMs: 60_000, settings });
	const stopping = new AbortController();
	let lastPartitioned: bigint | null = null;
	const every = (ms: number, name: string, work: () => Promise<unknown>, later = false): Loop =>
		startLoop({ name, logger, later, round: () => work().then(() => ms) });
	const maintain = (name: string, work: () => Promise<unknown>) =>
		every(MAINTENANCE_MS, name, work, true);

	const partitions = every(PARTITIONS_MS, 'partitions', async () => {
		lastPartitioned = await ensurePartitions(background);
	});
	const declarations = maintain('declarations', async () => {
		await declareTopics(background, topics, declaredAt);
		await renewDeclarations(background, topics);
	});
	const ended = new Set<string>();
	const endedSessions = every(Infinity, 'ended sessions', async () => {
		while (ended.size > 0 && !stopping.signal.aborted) {
			const some = [...ended].slice(0, ENDED);
			await forgetSessions(background, some);
			for (const session of some) ended.delete(session);
		}
	});
	const trouble = new Trouble(logger.child({ source: 'grants' }), {
		lasts: 'grants differ from the tables that give them; trying again',
		over: 'grants are those of their tables again'
	});
	const sweep = async () => {
		await sweepGrants(background); // first: the other may take long
		// On the connection for long statements, one at a time: it reads whole tables.
		const all = await sweepMirrors(retention, { signal: stopping.signal, trouble });
		return all ? SWEEP_MS : SWEEP_AGAIN_MS;
	};
	const all = [
		partitions,
		declarations,
		endedSessions,
		every(PROBE_MS, 'probe', () => writer.probe()),
		maintain('retention', () => trimLog(retention, topics, stopping.signal, consumerWaitSeconds)),
		maintain('answers', () => forgetAnswers(background, stopping.signal)),
		maintain('clients', () => forgetClients(background)),
		startLoop({ name: 'grants', logger, later: true, round: sweep }),
		every(ROSTER_MS, 'roster', () => roster.write(background))
	];
	let stopped: Promise<void> | null = null;
	async function stop(): Promise<void> {
		stopping.abort();
		// Close the connection while the job runs: one of its statements may take a minute.
		await Promise.all([...all.map((job) => job.stop()), retention.end()]);
	}
	return {
		all,
		stopping: stopping.signal,
		get lastPartitioned() {
			return lastPartitioned;
		},
		makePartitions: () => partitions.wake(),
		declareAgain: () => declarations.wake(),
		forgetSession(sessionID) {
			if (ended.size >= MAX_ENDED) return;
			ended.add(sessionID);
			endedSessions.wake();
		},
		stop: () => (stopped ??= stop())
	};
}
