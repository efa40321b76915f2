import type { Fault, FaultMaker, Stage } from './fault.ts';
import { connectionFaults } from './kinds/connections.ts';
import { databaseFaults } from './kinds/database.ts';
import { endedSessionFaults } from './kinds/ended-session.ts';
import { fatRowFaults } from './kinds/fat-rows.ts';
import { lostAnswerFaults } from './kinds/lost-answer.ts';
import { partitionEndFaults } from './kinds/partition-end.ts';
import { poisonFaults } from './kinds/poison.ts';
import { processFaults } from './kinds/processes.ts';
import { promotionFaults } from './kinds/promotion.ts';
import { readOnlyFaults } from './kinds/read-only.ts';
import { stalledSocketFaults } from './kinds/stalled-socket.ts';
import { trimmedHeadFaults } from './kinds/trimmed-head.ts';
import type { Random } from './random.ts';

/** Maximum number of faults at the same time. */
const AT_ONCE = 3;

const MAKERS: readonly FaultMaker[] = [
	processFaults,
	connectionFaults,
	databaseFaults,
	trimmedHeadFaults,
	readOnlyFaults,
	partitionEndFaults,
	stalledSocketFaults,
	fatRowFaults,
	endedSessionFaults,
	poisonFaults,
	lostAnswerFaults,
	promotionFaults
];

/**
 * How long the same few kinds of fault are used, in milliseconds. In this time, a fault that repairs the effect of another
 * one may not occur at all.
 */
const ERA_MS = [5000, 20_000] as const;

/** Injects random faults until it is stopped. Temporary faults are repaired. */
export class Injector {
	/** Kind of fault → how often it was injected. */
	readonly counts = new Map<string, number>();
	readonly #random: Random;
	readonly #tell: (line: string) => void;
	readonly #faults: readonly Fault[];
	readonly #underWay = new Set<Promise<void>>();
	#stopped = false;
	#wake: () => void = () => {};
	#running: Promise<void> = Promise.resolve();
	#era: readonly Fault[] = [];
	#eraEnds = 0;

	/**
	 * @param options.only parts of the names of the kinds to choose from, separated by commas
	 * @param options.tell called for each fault
	 */
	constructor(stage: Stage, options: { only: string; tell: (line: string) => void }) {
		this.#random = stage.random;
		this.#tell = options.tell;
		const wanted = options.only.split(',');
		this.#faults = MAKERS.flatMap((make) => make(stage)).filter(({ kind }) =>
			wanted.some((part) => kind.includes(part))
		);
		if (this.#faults.length === 0) throw new Error(`No fault is called "${options.only}"`);
	}

	start(): void {
		this.#running = this.#run();
		// Awaited in `stop`. An error must not end the process before.
		this.#running.catch(() => {});
	}

	/** Starts no more faults. Resolves when the running ones are repaired. */
	async stop(): Promise<void> {
		this.#stopped = true;
		this.#wake();
		await this.#running;
		await Promise.all(this.#underWay);
	}

	async #run(): Promise<void> {
		while (!this.#stopped) {
			await new Promise<void>((resolve) => {
				const timer = setTimeout(resolve, this.#random.between(100, 1200));
				this.#wake = () => {
					clearTimeout(timer);
					resolve();
				};
			});
			if (this.#stopped || this.#underWay.size >= AT_ONCE) continue;
			const fault = this.#choose();
			if (fault.alone) await Promise.all(this.#underWay);
			const done = this.#inject(fault).finally(() => this.#underWay.delete(done));
			this.#underWay.add(done);
			if (fault.alone) await done;
		}
	}

	async #inject({ kind, inject }: Fault): Promise<void> {
		this.#tell(kind);
		if ((await inject()) === false) return;
		this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
	}

	#choose(): Fault {
		if (performance.now() >= this.#eraEnds) {
			this.#eraEnds = performance.now() + this.#random.between(...ERA_MS);
			const some = this.#faults.filter(() => this.#random.chance(0.4));
			this.#era = some.length > 0 ? some : this.#faults;
		}
		return this.#random.weighted(this.#era.map((fault) => [fault.weight, fault] as const));
	}
}
