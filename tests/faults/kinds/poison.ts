import type { Sql } from '../../../src/app/driver-client.ts';
import type { FaultMaker } from '../fault.ts';
import type { Fact } from '../ledger.ts';

/**
 * Why a row cannot be moved: a trigger of the application fails at once or at the commit, or the row breaks the log's
 * bounds.
 */
const REASONS = ['now', 'commit', 'bounds'] as const;

/** Longer than the topic limit, and too long for any index. */
const LONG_TOPIC = 'x'.repeat(3000);

/** Installs triggers of the application that refuse certain events. */
export async function installPoison(sql: Sql): Promise<void> {
	await sql.unsafe(`
		create function checker_refuse() returns trigger language plpgsql as $$
		begin raise exception 'the application refuses %', new.data ->> 'tag'; end $$;
		create trigger checker_refuse_now before insert on events
			for each row when (new.data ->> 'poison' = 'now') execute function checker_refuse();
		create constraint trigger checker_refuse_commit after insert on events
			deferrable initially deferred
			for each row when (new.data ->> 'poison' = 'commit') execute function checker_refuse();
	`);
}

/**
 * Puts rows into the outbox that cannot become events. They must be set aside, and the rows before and after them must be
 * moved.
 */
export const poisonFaults: FaultMaker = ({ random, writers, deed }) => {
	let count = 0;
	return [
		{
			kind: 'put poison into the outbox',
			weight: 4,
			inject: async () => {
				const writer = writers.sqlWriter(`poison${++count}`);
				const reason = random.pick(REASONS);
				const poison = (): Fact =>
					writer.maker.make({
						poison: true,
						...(reason === 'bounds' ? { topic: LONG_TOPIC } : {})
					});
				// Between other rows, which must not be affected.
				const facts = [
					...writer.maker.some(),
					...Array.from({ length: random.between(1, 3) }, poison),
					...writer.maker.some()
				];
				const rows = writer.rows(facts).map((row, i) => ({
					...row,
					data: { ...row.data, ...(facts[i]!.poison ? { poison: reason } : {}) }
				}));
				const outcome = await writer.attempt(facts, (sql) =>
					sql.begin(async (tx) => {
						if (reason !== 'bounds') return tx`insert into outbox ${tx(rows)}`;
						// Simulates a row that was inserted before the bounds existed. Others must not wait long for this
						// lock.
						await tx`set local lock_timeout = '1s'`;
						const [bounds] = await tx<{ text: string }[]>`
							select pg_get_constraintdef(oid) as text from pg_constraint where conname = 'outbox_bounds_check'`;
						await tx`alter table outbox drop constraint outbox_bounds_check`;
						await tx`insert into outbox ${tx(rows)}`;
						await tx.unsafe(
							`alter table outbox add constraint outbox_bounds_check ${bounds!.text} not valid`
						);
						return null;
					})
				);
				await writer.end();
				if (outcome !== 'acknowledged') return false;
				deed('rows that cannot be moved', facts.filter((fact) => fact.poison).length);
				return true;
			}
		}
	];
};
