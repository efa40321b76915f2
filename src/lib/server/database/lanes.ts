import { SoleConnection } from './sole-connection.ts';
import type { Queryable } from './client.ts';

/**
 * A few connections for reading history, served first come, first served, a statement at a time: a herd of clients that
 * reconnect queues here, in memory, and not in Postgres, and nobody's long replay holds a connection between its pages.
 */
export class Lanes implements Queryable {
	readonly #free: SoleConnection[];
	readonly #all: readonly SoleConnection[];
	readonly #waiting: ((lane: SoleConnection) => void)[] = [];

	/** @param options.size connections at most; each is opened when it is first needed */
	constructor(url: string, options: { name: string; size: number; answerMs?: number }) {
		this.#all = Array.from({ length: options.size }, () => new SoleConnection(url, options));
		this.#free = [...this.#all];
	}

	async query<Row extends object>(
		text: string,
		parameters: (string | number | null)[]
	): Promise<Row[]> {
		const lane =
			this.#free.pop() ??
			(await new Promise<SoleConnection>((resolve) => this.#waiting.push(resolve)));
		try {
			return await lane.query<Row>(text, parameters);
		} finally {
			const next = this.#waiting.shift();
			if (next) next(lane);
			else this.#free.push(lane);
		}
	}

	/** Closes the connections; statements under way or waiting fail. */
	async end(): Promise<void> {
		await Promise.all(this.#all.map((lane) => lane.end()));
	}
}
