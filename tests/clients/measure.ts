import { until } from '../support/until.ts';
import type { ForeignClient, Open, Taken } from './client.ts';
import { RETRY_MS, type Asked, type Stand, type Trial, type Way } from './stand.ts';

/** How long to wait for a library that neither reconnects nor reports that it will not. None of these does so. */
const PATIENCE_MS = 30_000;

/** The events of history that a client gets, in order. */
const FIRST: Record<Trial, readonly number[]> = {
	cut: [1, 2],
	refused: [1, 2],
	brought: [2, 1],
	begun: [2],
	drained: [1, 2],
	aged: [1, 2]
};

/** Result of one trial. */
export interface Outcome {
	/** It reconnected by itself and received more events. */
	back: boolean;
	/** Every event arrived once and in order. */
	exact: boolean;
	/** The received events, to find out why they are not exact. */
	received: string;
	asked: readonly Asked[];
}

export type Outcomes = Record<Trial, Outcome>;

/** Results of one client. */
export interface Measured {
	plain: Outcomes;
	/** Used as the document advises; null: there is no advice. */
	safe: Outcomes | null;
}

/** Runs all trials for all clients, all clients at the same time. */
export async function measure(stand: Stand, clients: ForeignClient[]): Promise<Measured[]> {
	const ways = await Promise.all(clients.map(() => stand.openWay()));
	const safeWays = await Promise.all(
		clients.map(async ({ safe }) => (safe ? stand.openWay() : null))
	);
	const subjects = clients.flatMap((client, i) => [
		new Subject(stand, ways[i]!, client.plain, {
			...client,
			headers: !client.safe && client.headers
		}),
		...(client.safe
			? [
					new Subject(stand, safeWays[i]!, client.safe, {
						...client,
						name: `${client.name}, as advised`
					})
				]
			: [])
	]);
	try {
		await tryAll(stand, subjects);
	} finally {
		for (const subject of subjects) await subject.close();
	}
	const of = (way: Way | null | undefined) =>
		subjects.find((subject) => subject.way === way)?.outcomes ?? null;
	return ways.map((way, i) => ({ plain: of(way)!, safe: of(safeWays[i]) }));
}

async function tryAll(stand: Stand, subjects: Subject[]): Promise<void> {
	// The first trials cut all connections of their way, so they run one after the other.
	await Promise.all(
		subjects.map(async (subject) => {
			await subject.interrupted('cut', () => subject.way.proxy.cut());
			await subject.interrupted('refused', () => {
				stand.refuseOnce(subject.way, 'refused');
				subject.way.proxy.cut();
			});
			await subject.interrupted('brought', () => subject.way.proxy.cut());
			if (subject.headers) await subject.interrupted('begun', () => subject.way.proxy.cut());
		})
	);
	let drained = false;
	const drain = async () => {
		if (drained) return;
		drained = true;
		await stand.drain();
	};
	await Promise.all(subjects.map((subject) => subject.start('drained')));
	await Promise.all(
		subjects.flatMap((subject) => [
			subject.goOn('drained', drain),
			// The server ends the stream at its maximum age.
			subject.interrupted('aged', () => undefined)
		])
	);
}

/** One client, used in one way. */
class Subject {
	readonly outcomes = {} as Outcomes;
	readonly #open = new Map<Trial, Run>();

	constructor(
		private readonly stand: Stand,
		readonly way: Way,
		private readonly client: Open,
		private readonly about: { name: string; headers?: boolean | undefined }
	) {}

	/** True when it can begin with a request header. */
	get headers(): boolean {
		return this.about.headers === true;
	}

	/** Closes what a failed trial has left open. */
	async close(): Promise<void> {
		for (const run of this.#open.values()) await run.close();
	}

	async interrupted(trial: Trial, interrupt: () => unknown): Promise<void> {
		await this.start(trial);
		await this.goOn(trial, interrupt);
	}

	/** Sends two events of history and two live events. Of `brought`, the topic of the first is granted a little later. */
	async start(trial: Trial): Promise<void> {
		const reading = this.way.reading(trial);
		const [first] = await this.stand.append(this.way, trial, 1, 2);
		if (trial === 'begun') {
			// The page was rendered when there was one event.
			reading.headers['Last-Event-ID'] = first!;
		}
		if (trial === 'brought') await this.stand.grant(this.way, 'a');
		const run = new Run(this.client, reading);
		this.#open.set(trial, run);
		const what = (arrived: string) => `${arrived} has arrived: ${this.about.name}, ${trial}`;
		await until(() => run.has(2), { what: what('history'), timeoutMs: 60_000 });
		if (trial === 'brought') {
			await this.stand.grant(this.way, 'b');
			await until(() => run.has(1), { what: what('what was granted'), timeoutMs: PATIENCE_MS });
		}
		await this.stand.append(this.way, trial, 3, 4);
		await until(() => run.has(4), { what: what('what is live'), timeoutMs: PATIENCE_MS });
	}

	/** Interrupts the client, appends two events meanwhile, and one after it has reconnected. */
	async goOn(trial: Trial, interrupt: () => unknown): Promise<void> {
		const run = this.#open.get(trial)!;
		const before = this.stand.asked(this.way, trial).length;
		const ended = () => this.stand.asked(this.way, trial)[before - 1]!.endedAt > 0;
		const interrupted = interrupt();
		await until(ended, {
			what: `the stream has ended: ${this.about.name}, ${trial}`,
			timeoutMs: PATIENCE_MS
		});
		await this.stand.append(this.way, trial, 5, 6);
		const returned = () => run.has(6) || run.over;
		await until(returned, { timeoutMs: PATIENCE_MS }).catch(() => undefined);
		// Ids rise: when this event has arrived, the events before it have arrived, too.
		await this.stand.append(this.way, trial, 7);
		if (!run.over)
			await until(() => run.has(7) || run.over, { timeoutMs: PATIENCE_MS }).catch(() => undefined);
		await run.close();
		await interrupted;
		const expected = [...FIRST[trial], 3, 4, 5, 6, 7].join(' ');
		const received = run.received.join(' ');
		this.outcomes[trial] = {
			back: run.has(7),
			exact: received === expected,
			received,
			asked: this.stand.asked(this.way, trial)
		};
	}
}

/** One use of a client, from its start to its end. */
class Run {
	readonly received: string[] = [];
	over = false;
	readonly #close: () => unknown;
	#closed: Promise<unknown> | undefined;

	constructor(open: Open, reading: Parameters<Open>[0]) {
		const take = ({ topic, data }: Taken) => {
			const named = topic === reading.topics[Number(data) % 2];
			this.received.push(named ? data : `${data} as ${topic}`);
		};
		this.#close = open(reading, take, () => (this.over = true));
	}

	has(number: number): boolean {
		return this.received.includes(String(number));
	}

	async close(): Promise<void> {
		await (this.#closed ??= Promise.resolve(this.#close()));
	}
}

/** Returns how a client sends its cursor when it reconnects. For a client that does not do it by itself: as advised. */
export function cursorOf({ plain, safe }: Measured): string {
	const ways = (outcomes: Outcomes | null) => {
		const { begun: _, ...trials } = outcomes ?? ({} as Outcomes);
		return Object.values(trials).flatMap(({ asked }) => asked.slice(1).map(({ cursor }) => cursor));
	};
	const told = ways(plain).length > 0 ? ways(plain) : ways(safe);
	const distinct = [...new Set(told)].sort();
	if (distinct.every((way) => way === null)) return '–';
	return distinct
		.map((way) => (way === 'header' ? 'header' : way === null ? 'not at all' : `\`${way}\``))
		.join(' or ');
}

/** Returns the waits before it reconnected by itself, in milliseconds, each after a server had set a `retry`. */
export function waitsOf({ plain, safe }: Measured): Record<keyof typeof RETRY_MS, number[]> {
	const waits = (trial: Trial) =>
		[plain[trial], safe?.[trial]].flatMap((outcome) => {
			const [first, second] = outcome?.asked ?? [];
			// Without a cursor it is a new client that its owner has started.
			return first && second?.cursor ? [Math.round(second.at - first.endedAt)] : [];
		});
	return { first: (['cut', 'refused', 'begun'] as const).flatMap(waits), second: waits('aged') };
}

/**
 * Returns 'yes' when it waits longer if the server asks for a longer wait. Only the difference counts, because a busy
 * machine delays both.
 */
export function keepsRetry(measured: Measured): string {
	const { first, second } = waitsOf(measured);
	if (second.length === 0) return '–';
	// A client that does not reconnect after a cut got only one of the two values.
	const shorter = first.length > 0 ? Math.min(...first) : 0;
	const difference = RETRY_MS.second - (first.length > 0 ? RETRY_MS.first : 0);
	return Math.min(...second) - shorter > difference / 2 ? 'yes' : 'no';
}
