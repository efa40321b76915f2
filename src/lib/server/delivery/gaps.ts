import type { Gap } from '../../protocol/index.ts';
import type { OldestReader, Start, Subscription } from './subscription.ts';

/** Finds which gaps the client of one stream must be told of. Remembers of which it was. */
export class Gaps {
	readonly #oldest: OldestReader;
	readonly #userId: string;
	/** Per topic: the horizon that the client was told of, or does not need to be told of. */
	#told: Map<string, bigint> | null;
	/** Topics whose history begins with the next page. null: none. */
	#newTopics: readonly string[] | null;

	constructor(oldest: OldestReader, { userId, told, newTopics }: Subscription) {
		this.#oldest = oldest;
		this.#userId = userId;
		this.#told = told?.size ? new Map(told) : null;
		this.#newTopics = newTopics ?? null;
	}

	/** The history of these topics begins with the next page. */
	begin(topics: readonly string[]): void {
		this.#newTopics = [...(this.#newTopics ?? []), ...topics];
	}

	/** @returns topics whose history begins with the page that is now read */
	takeNew(): readonly string[] {
		const begun = this.#newTopics ?? [];
		this.#newTopics = null;
		return begun;
	}

	forget(topic: string): void {
		this.#told?.delete(topic);
	}

	/**
	 * Finds a gap for each topic that has lost events which the client needs.
	 *
	 * A topic that continues from a cursor below its horizon has lost events: the client gets a `gap`. A topic that begins
	 * with this page has lost nothing by earlier trimming: its history is what was kept.
	 *
	 * @param starts where each topic begins in the page
	 * @param begun topics that begin with the page
	 */
	async *find(
		starts: readonly Start[],
		horizons: ReadonlyMap<string, bigint>,
		begun: readonly string[]
	): AsyncIterable<Gap> {
		for (const { topic, after } of starts) {
			const horizon = horizons.get(topic) ?? 0n;
			if (after >= horizon || horizon <= (this.#told?.get(topic) ?? 0n)) continue;
			(this.#told ??= new Map()).set(topic, horizon);
			if (begun.includes(topic)) continue;
			const oldest = await this.#oldest({ userId: this.#userId, topic, after, horizon });
			yield { topic, after: after.toString(), oldest: oldest?.toString() ?? null };
		}
	}
}
