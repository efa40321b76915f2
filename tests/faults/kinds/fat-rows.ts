import { ask } from '../http.ts';
import type { Fact } from '../ledger.ts';
import type { FaultMaker } from '../fault.ts';

/** Topics that no reader toggles: their large events would be replayed each time. */
const TOPICS = ['a', 'b'];
/** Maximum that the tables accept, in octets of text. */
const MOST = 1_048_576;
/** Octets of 1e308 as Postgres prints it, with comma and space. */
const LONG_NUMBER = 311;

/**
 * Writes rows of the maximum size, rows whose numbers become longer when printed, and rows that are too large and must be
 * refused.
 */
export const fatRowFaults: FaultMaker = ({ world, random, writers, deed }) => {
	let count = 0;
	/** Random size in octets, from 200,000 to just below the maximum. */
	const size = () => random.between(200_000, MOST - 2000);
	const pad = (octets: number): string | number[] =>
		random.chance(0.3)
			? Array.from({ length: Math.floor(octets / LONG_NUMBER) }, () => 1e308)
			: 'x'.repeat(octets);
	const withSql =
		(sizes: readonly number[], options: { refused?: boolean } = {}) =>
		async () => {
			const writer = writers.sqlWriter(`fat${++count}`);
			const table = random.pick(['events', 'outbox']);
			const facts = sizes.map(() => writer.maker.make({ topic: random.pick(TOPICS) }));
			const rows = facts.map((fact, i) => ({
				topic: fact.topic,
				user_id: fact.userId,
				data: { tag: fact.tag, pad: pad(sizes[i]!) }
			}));
			const outcome = await writer.attempt(
				facts,
				(sql) => sql`insert into ${sql(table)} ${sql(rows)}`,
				options
			);
			if (outcome === 'acknowledged') deed('fat rows', rows.length);
			if (options.refused) deed('rows above the bounds', rows.length);
			await writer.end();
		};
	/**
	 * Appends through the application, which must refuse payloads that are too long, or that Postgres would print too long.
	 */
	const withHttp = async () => {
		const { maker } = writers.sqlWriter(`fat${++count}`);
		const refused = random.chance(0.3);
		const fact: Fact = maker.make({ topic: random.pick(TOPICS), keyed: true });
		const data = {
			tag: fact.tag,
			pad: refused
				? Array.from({ length: 40_000 }, () => 1e308)
				: 'x'.repeat(random.between(100_000, 262_000))
		};
		const { topic, userId, key } = fact;
		const answer = await ask(`${world.origin}/append`, {
			body: [{ topic, userId, key, data }],
			timeoutMs: 18_000
		});
		if (refused) maker.ledger.refuse(fact);
		else if (answer?.status === 200) {
			maker.ledger.acknowledge(fact, Number((answer.body as { id: string }[])[0]!.id));
			deed('fat rows');
		}
	};
	return [
		{
			kind: 'append fat rows',
			weight: 4,
			inject: () => {
				const some = () => Array.from({ length: random.between(1, 4) }, size);
				return random.weighted<() => Promise<void>>([
					[5, withSql(some())],
					[3, withHttp],
					[2, withSql([MOST + random.between(1, 3 * MOST)], { refused: true })]
				])();
			}
		}
	];
};
