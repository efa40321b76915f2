import { EventMaker, type Shares } from './events.ts';
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

/** How writers work. */
export interface Manner {
	/** How many writers of each kind run at the same time. */
	crews: { append: number; keyed: number; transaction: number; sql: number };
	/** Longest pause of a writer between two writes, in milliseconds. */
	pauseMs: number;
	/** undefined: the topics of the checker. */
	topics?: Shares;
}

const MANNER: Manner = {
	crews: { append: 2, keyed: 3, transaction: 2, sql: 3 },
	pauseMs: 120
};

/** All writers. */
export class Writers {
	readonly #world: Pick<World, 'origin' | 'databaseUrl' | 'users'>;
	readonly #random: Random;
	readonly #ledger: Ledger;
	readonly #manner: Manner;
	readonly #stop = new AbortController();
	readonly #sql: SqlWriter[] = [];
	#running: Promise<void>[] = [];

	constructor(
		world: Pick<World, 'origin' | 'databaseUrl' | 'users'>,
		random: Random,
		ledger: Ledger,
		manner = MANNER
	) {
		this.#manner = manner;
		this.#world = world;
		this.#random = random;
		this.#ledger = ledger;
	}

	start(): void {
		const works = { append: appendOnce, keyed: appendKeyed, transaction: appendInTransaction };
		for (const kind of ['append', 'keyed', 'transaction'] as const) {
			for (let i = 0; i < this.#manner.crews[kind]; i++) {
				const parts: HttpWriterParts = {
					...this.#parts(`${kind}${i}`),
					origin: this.#world.origin,
					signal: this.#stop.signal
				};
				this.#run(parts.random, () => works[kind](parts));
			}
		}
		for (let i = 0; i < this.#manner.crews.sql; i++) {
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
		const { users } = this.#world;
		return {
			random,
			maker: new EventMaker(name, random, this.#ledger, users, this.#manner.topics)
		};
	}

	#run(random: Random, work: () => Promise<unknown>): void {
		const loop = async () => {
			while (!this.#stop.signal.aborted) {
				await work();
				await new Promise((resolve) =>
					setTimeout(resolve, random.between(0, this.#manner.pauseMs))
				);
			}
		};
		this.#running.push(loop());
	}
}
