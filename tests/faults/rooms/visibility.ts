import type { Sql } from '../../../src/app/driver-client.ts';
import { placeOf } from './places.ts';

/** From which event to which a user could see a topic without a break. */
export interface Run {
	readonly from: number;
	/** Infinity: it lasts. */
	readonly until: number;
}

interface Granted extends Run {
	userId: string;
	scope: string;
}

const ALWAYS: readonly Run[] = [{ from: 0, until: Infinity }];

/** Who could see what, at each position of the log: computed from `grant_history` alone. */
export class Visibility {
	readonly #grants: readonly Granted[];
	readonly #runs = new Map<string, readonly Run[]>();

	constructor(grants: readonly Granted[]) {
		this.#grants = grants;
	}

	static async read(sql: Sql): Promise<Visibility> {
		return new Visibility(
			await sql<Granted[]>`
				select user_id as "userId", scope, from_id::float8 as from, coalesce(until_id::float8, 'infinity') as until
				from grant_history order by from_id`
		);
	}

	/** In order. A grant that begins before another one of the same topic has ended continues its run. */
	runs(userId: string, topic: string): readonly Run[] {
		const key = `${userId} ${topic}`;
		let runs = this.#runs.get(key);
		if (!runs) this.#runs.set(key, (runs = this.#compute(userId, topic)));
		return runs;
	}

	/** The run in which the topic is visible at this position. */
	at(userId: string, topic: string, position: number): Run | undefined {
		return this.runs(userId, topic).find(({ from, until }) => from <= position && position < until);
	}

	/** The first event after `id` that gave the user one of the topic's scopes. */
	nextGrant(userId: string, topic: string, id: number): number {
		const { scopes } = placeOf(topic);
		const next = this.#grants.find(
			(grant) => grant.userId === userId && scopes.includes(grant.scope) && grant.from > id
		);
		return next?.from ?? Infinity;
	}

	#compute(userId: string, topic: string): readonly Run[] {
		const { scopes } = placeOf(topic);
		if (scopes.length === 0) return ALWAYS;
		const runs: { from: number; until: number }[] = [];
		for (const { from, until, ...grant } of this.#grants) {
			if (grant.userId !== userId || !scopes.includes(grant.scope)) continue;
			const last = runs[runs.length - 1];
			if (last && from < last.until) last.until = Math.max(last.until, until);
			else runs.push({ from, until });
		}
		return runs;
	}
}
