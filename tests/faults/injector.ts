import type { Fault } from './fault.ts';
import type { Random } from './random.ts';

/** Maximum number of faults at the same time. */
const AT_ONCE = 3;

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
	constructor(
		faults: readonly Fault[],
		random: Random,
		options: { only: string; tell: (line: string) => void }
	) {
		this.#random = random;
		this.#tell = options.tell;
		const wanted = options.only.split(',');
		this.#faults = faults.filter(({ kind }) => wanted.some((part) => kind.includes(part)));
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
		try {
			if ((await inject()) === false) return;
		} catch (cause) {
			throw new Error(`The checker failed to "${kind}"`, { cause });
		}
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
