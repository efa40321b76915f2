import { setTimeout as pause } from 'node:timers/promises';
import type { Sql } from '../../../src/app/driver-client.ts';
import type { Random } from '../random.ts';
import { PLACES, SCOPES } from './places.ts';

/** Which gifts of grants have begun and ended, so that a prober knows when nobody gives a pair. */
export class Gifts {
	readonly #begun = new Map<string, number>();
	readonly #ended = new Map<string, number>();

	/** Runs what may give one of the pairs. */
	async during(userId: string, scopes: readonly string[], give: () => Promise<void>) {
		for (const scope of scopes) add(this.#begun, `${userId} ${scope}`);
		try {
			await give();
		} finally {
			for (const scope of scopes) add(this.#ended, `${userId} ${scope}`);
		}
	}

	/** How many gifts of these pairs have begun. */
	begun(userId: string, scopes: readonly string[]): number {
		return sum(this.#begun, userId, scopes);
	}

	/** @returns true when none of them is under way */
	quiet(userId: string, scopes: readonly string[]): boolean {
		return this.begun(userId, scopes) === sum(this.#ended, userId, scopes);
	}
}

const add = (map: Map<string, number>, key: string) => void map.set(key, (map.get(key) ?? 0) + 1);
const sum = (map: ReadonlyMap<string, number>, userId: string, scopes: readonly string[]) =>
	scopes.reduce((total, scope) => total + (map.get(`${userId} ${scope}`) ?? 0), 0);

class RolledBack extends Error {}

/** Scopes that belong together, so that one transaction moves a user from one to the other. */
const NEAR = PLACES.map(({ scopes }) => scopes).filter((scopes) => scopes.length > 0);

/** What the granters need. */
export interface GranterParts {
	/** No fault affects it, so the outcome of each change is known. */
	sql: Sql;
	random: Random;
	users: readonly string[];
	gifts: Gifts;
	/** Counts what was done. */
	deed(what: string): void;
}

/** Changes grants in one of many ways, as an application would, or as it should not. */
export async function changeGrants(parts: GranterParts): Promise<void> {
	const { random, deed } = parts;
	const [what, act] = random.weighted<readonly [string, () => Promise<void>]>([
		[40, ['grants given', () => give(parts)]],
		[30, ['grants taken back', () => take(parts)]],
		[8, ['grants taken back from all sources', () => takeAll(parts)]],
		[10, ['grants taken back and given in one transaction', () => takeAndGive(parts)]],
		[6, ['grants moved by UPDATE', () => move(parts)]],
		[5, ['scopes exchanged in one transaction', () => exchange(parts)]],
		[1, ['TRUNCATE grants', () => truncate(parts)]]
	]);
	try {
		await act();
		deed(what);
	} catch (error) {
		const { code = '' } = error as { code?: string };
		if (error instanceof RolledBack) deed(`${what}, rolled back`);
		// Deadlocks and duplicates of these transactions among each other.
		else if (['40P01', '55P03', '23505'].includes(code)) deed(`${what}, refused`);
		else throw error;
	}
}

const pair = ({ random, users }: GranterParts) => ({
	scope: random.pick(SCOPES),
	user_id: random.pick(users),
	source: random.pick(['s1', 's2'])
});

async function give(parts: GranterParts): Promise<void> {
	const { sql, random, gifts } = parts;
	const row = pair(parts);
	await gifts.during(row.user_id, [row.scope], async () => {
		await sql.begin(async (tx) => {
			await tx`insert into grants ${tx(row)} on conflict do nothing`;
			await linger(random);
			if (random.chance(0.15)) throw new RolledBack();
		});
	});
}

async function take(parts: GranterParts): Promise<void> {
	const { scope, user_id, source } = pair(parts);
	await parts.sql.begin(async (tx) => {
		await tx`delete from grants where scope = ${scope} and user_id = ${user_id} and source = ${source}`;
		await linger(parts.random);
		if (parts.random.chance(0.1)) throw new RolledBack();
	});
}

async function takeAll({ sql, random, users }: GranterParts): Promise<void> {
	const scopes = random.pick(NEAR);
	await sql`delete from grants where user_id = ${random.pick(users)} and scope in ${sql([...scopes])}`;
}

async function takeAndGive(parts: GranterParts): Promise<void> {
	const { sql, random, gifts } = parts;
	const row = pair(parts);
	await gifts.during(row.user_id, [row.scope], async () => {
		await sql.begin(async (tx) => {
			await tx`delete from grants where scope = ${row.scope} and user_id = ${row.user_id}`;
			await linger(random);
			await tx`insert into grants ${tx(row)} on conflict do nothing`;
			if (random.chance(0.3)) throw new RolledBack();
		});
	});
}

async function move(parts: GranterParts): Promise<void> {
	const { sql, gifts } = parts;
	const { scope, user_id } = pair(parts);
	await gifts.during(user_id, [scope], async () => {
		await sql`update grants set scope = ${scope}, user_id = ${user_id}
			where ctid in (select ctid from grants order by random() limit 1)`;
	});
}

/** From the organisation to one project of it, or back: a topic of both stays visible without a break. */
async function exchange(parts: GranterParts): Promise<void> {
	const { sql, random, gifts } = parts;
	const [first, second] = random.pick(NEAR.filter((scopes) => scopes.length > 1));
	const [from, to] = random.chance(0.5) ? [first!, second!] : [second!, first!];
	const { user_id, source } = pair(parts);
	await gifts.during(user_id, [to], async () => {
		await sql.begin(async (tx) => {
			await tx`insert into grants ${tx({ scope: to, user_id, source })} on conflict do nothing`;
			await tx`delete from grants where scope = ${from} and user_id = ${user_id}`;
			if (random.chance(0.2)) throw new RolledBack();
		});
	});
}

async function truncate({ sql, random }: GranterParts): Promise<void> {
	await sql.begin(async (tx) => {
		await tx`truncate grants`;
		await linger(random);
		if (random.chance(0.5)) throw new RolledBack();
	});
}

/** A transaction sometimes stays open, so that others commit before it. */
async function linger(random: Random): Promise<void> {
	if (random.chance(0.2)) await pause(random.between(1, 300));
}
