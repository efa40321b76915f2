import type { Sql } from '../../src/app/driver-client.ts';
import type { EventMaker } from './events.ts';
import type { Fact } from './ledger.ts';
import type { Random } from './random.ts';
import { SQL_ANSWER_MS } from './timing.ts';
import { openWriterClient } from './world.ts';

class RolledBack extends Error {}

/** A program that does not know the application. It has a connection to Postgres and writes SQL. */
export class SqlWriter {
	readonly #url: string;
	readonly #random: Random;
	readonly maker: EventMaker;
	#sql: Sql | null = null;

	constructor(url: string, random: Random, maker: EventMaker) {
		this.#url = url;
		this.#random = random;
		this.maker = maker;
	}

	/** Writes something in one of several ways. */
	write(): Promise<unknown> {
		return this.#random.weighted<() => Promise<unknown>>([
			[50, () => this.#insert()],
			[12, () => this.#insertSlowly()],
			[3, () => this.#insertLate()],
			[30, () => this.#outbox(this.#random.chance(0.1) ? this.#random.between(100, 800) : 0)],
			[5, () => this.#burst()]
		])();
	}

	/** Holds a business transaction open for `ms` milliseconds. */
	hold(ms: number): Promise<unknown> {
		return this.#outbox(ms);
	}

	async end(): Promise<void> {
		const sql = this.#sql;
		this.#sql = null;
		await sql?.end({ timeout: 1 });
	}

	#insert(): Promise<unknown> {
		const facts = this.maker.some();
		return this.attempt(facts, (sql) => sql`insert into events ${sql(this.rows(facts))}`);
	}

	/** Many rows at once, so that a slow reader falls behind. */
	#burst(): Promise<unknown> {
		const facts = Array.from({ length: 60 }, () => this.maker.make({ topic: 'e' }));
		return this.attempt(facts, (sql) => sql`insert into events ${sql(this.rows(facts))}`);
	}

	/**
	 * The first write of a transaction that holds the log's lock for a while, so that later transactions must wait for it.
	 */
	#insertSlowly(): Promise<unknown> {
		const facts = this.maker.some();
		const ms = this.#random.between(1, 30);
		return this.attempt(facts, (sql) =>
			sql.begin(async (tx) => {
				await tx`insert into events ${tx(this.rows(facts))}`;
				await pause(ms);
			})
		);
	}

	/** Must be refused: it is not the first write of its transaction. */
	#insertLate(): Promise<unknown> {
		const facts = this.maker.some();
		return this.attempt(
			facts,
			(sql) =>
				sql.begin(async (tx) => {
					await tx`insert into checker_business (tag) values (${`late-${facts[0]!.tag}`})`;
					await tx`insert into events ${tx(this.rows(facts))}`;
				}),
			{ refused: true }
		);
	}

	#outbox(holdMs: number): Promise<unknown> {
		const facts = this.maker.some({ business: true });
		const rollback = this.#random.chance(0.25);
		const tags = facts.map(({ tag }) => ({ tag }));
		return this.attempt(
			facts,
			(sql) =>
				sql.begin(async (tx) => {
					await tx`insert into checker_business ${tx(tags)}`;
					await tx`insert into outbox ${tx(this.rows(facts))}`;
					if (holdMs > 0) await pause(holdMs);
					if (rollback) throw new RolledBack();
				}),
			{ refused: rollback }
		);
	}

	/** In the form of a table's rows. */
	rows(facts: readonly Fact[]) {
		return facts.map((fact) => ({
			topic: fact.topic,
			user_id: fact.userId,
			data: { ...this.maker.payload(fact) }
		}));
	}

	/**
	 * Tries to write something, and records the outcome.
	 *
	 * @param options.refused it is never committed, or cannot succeed: its events must not appear in any case
	 */
	async attempt(
		facts: readonly Fact[],
		work: (sql: Sql) => Promise<unknown>,
		options: { refused?: boolean } = {}
	): Promise<Fact['outcome']> {
		const sql = (this.#sql ??= openWriterClient(this.#url));
		let timer: NodeJS.Timeout | undefined;
		const silence = new Promise<'silent'>((resolve) => {
			timer = setTimeout(resolve, SQL_ANSWER_MS, 'silent');
		});
		const done = work(sql).then(
			() => 'done' as const,
			(error: unknown) => (isRefusal(error) ? ('refused' as const) : ('unknown' as const))
		);
		const outcome = await Promise.race([done, silence]);
		clearTimeout(timer);
		for (const fact of facts) {
			if (options.refused || outcome === 'refused') this.maker.ledger.refuse(fact);
			else if (outcome === 'done') this.maker.ledger.acknowledge(fact);
		}
		if (outcome === 'silent') {
			// Nobody waits for the dead connection any more.
			this.#sql = null;
			void sql.end({ timeout: 0 });
		}
		return options.refused || outcome === 'refused'
			? 'refused'
			: outcome === 'done'
				? 'acknowledged'
				: 'unknown';
	}
}

/** True when Postgres responded with a refusal. A broken connection says nothing about the outcome. */
function isRefusal(error: unknown): boolean {
	const { code } = error as { code?: unknown };
	if (error instanceof RolledBack) return true;
	return typeof code === 'string' && /^(22|23|25006|42|55000|428C9|55P03|57014|40)/.test(code);
}

function pause(ms: number): Promise<void> {
	return new Promise((resolve) => setTimeout(resolve, ms));
}
