import { EventMaker } from './events.ts';
import {
	appendInTransaction,
	appendKeyed,
	appendOnce,
	type HttpWriterParts
} from './http-writers.ts';
import type { Ledger } from './ledger.ts';
import type { Random } from './random.ts';
import { SqlWriter } from './sql-writers.ts';
import type { World } from './world.ts';

/** How many writers of each kind run at the same time. */
const CREWS = { append: 2, keyed: 3, transaction: 2, sql: 3 };
/** Longest pause of a writer between two writes, in milliseconds. */
const PAUSE_MS = 120;

/** All writers. */
export class Writers {
	readonly #world: World;
	readonly #random: Random;
	readonly #ledger: Ledger;
	readonly #stop = new AbortController();
	readonly #sql: SqlWriter[] = [];
	#running: Promise<void>[] = [];

	constructor(world: World, random: Random, ledger: Ledger) {
		this.#world = world;
		this.#random = random;
		this.#ledger = ledger;
	}

	start(): void {
		const works = { append: appendOnce, keyed: appendKeyed, transaction: appendInTransaction };
		for (const kind of ['append', 'keyed', 'transaction'] as const) {
			for (let i = 0; i < CREWS[kind]; i++) {
				const parts: HttpWriterParts = {
					...this.#parts(`${kind}${i}`),
					origin: this.#world.origin,
					signal: this.#stop.signal
				};
				this.#run(parts.random, () => works[kind](parts));
			}
		}
		for (let i = 0; i < CREWS.sql; i++) {
			const { random } = this.#parts(`sql${i}`);
			const writer = this.sqlWriter(`sql${i}`);
			this.#run(random, () => writer.write());
		}
	}

	/** Creates one more program with its own connection. */
	sqlWriter(name: string): SqlWriter {
		const { random, maker } = this.#parts(name);
		const writer = new SqlWriter(this.#world.databaseUrl, random, maker);
		this.#sql.push(writer);
		return writer;
	}

	/** Starts no more writes. Resolves when the running ones are over. */
	async stop(): Promise<void> {
		this.#stop.abort();
		await Promise.all(this.#running);
		await Promise.all(this.#sql.map((writer) => writer.end()));
	}

	#parts(name: string): { random: Random; maker: EventMaker } {
		const random = this.#random.fork(name);
		return { random, maker: new EventMaker(name, random, this.#ledger, this.#world.users) };
	}

	#run(random: Random, work: () => Promise<unknown>): void {
		const loop = async () => {
			while (!this.#stop.signal.aborted) {
				await work();
				await new Promise((resolve) => setTimeout(resolve, random.between(0, PAUSE_MS)));
			}
		};
		this.#running.push(loop());
	}
}
