import { readFile } from 'node:fs/promises';
import { openClient } from '../../src/app/driver-client.ts';
import { appendAsFast } from '../load/appends.ts';
import { interleave, type Figures, type Measure, type Row } from '../stage/measure.ts';
import { declareAndGrant } from '../stage/rooms.ts';

const CALLERS = [64, 1000];
const ROOMS = 1000;
const WITHOUT = 'without these checks';
const NOTE =
	'Taken out: the bounds of a row, the look for topics that are not declared and for queued losses of grants. Order, lock and notification are the same.';

/** What the checks at the door of the log cost: is a topic declared, are grants being taken back, is a row too large? */
export const doorChecks: Measure = {
	name: 'door-checks',
	run: (stage) =>
		stage.postgres.withDatabase((checked) =>
			stage.postgres.withDatabase(async (unchecked) => {
				for (const url of [checked, unchecked]) await declareAndGrant(stage, url);
				await removeChecks(unchecked);
				const rows: Row[] = [];
				for (const callers of CALLERS) {
					for (const rooms of [1, ROOMS]) {
						const where = rooms === 1 ? 'one room' : `${rooms.toLocaleString('en-US')} rooms`;
						const who = `${callers.toLocaleString('en-US')} callers in ${where}`;
						stage.say(`door checks, ${who}`);
						const round = async (url: string): Promise<Figures> => {
							const { perSecond, backendMicros } = await appendAsFast({
								way: 'writer',
								url,
								callers,
								rooms,
								warmUpMs: stage.quick ? 300 : 1000,
								measureMs: stage.quick ? 700 : 2000
							});
							return { perSecond, 'CPU µs': backendMicros };
						};
						// Short turns, many of them: a difference of a few percent is less than the noise of one.
						const results = await interleave({ ...stage, rounds: stage.rounds * 3 }, [
							{ name: 'Logline', role: 'ours', round: () => round(checked) },
							{ name: WITHOUT, role: 'limit', round: () => round(unchecked) }
						]);
						const head = { measure: 'door-checks', note: NOTE } as const;
						rows.push(
							results.row(
								{ ...head, title: `Checked appends, ${who}`, unit: 'events/s', better: 'higher' },
								'perSecond',
								(to) => ({ text: `at least 0.95 × ${WITHOUT}`, met: to(WITHOUT) >= 0.95 })
							),
							// It depends less on what else the machine does.
							results.row(
								{
									...head,
									title: `${who}: CPU of PostgreSQL per event`,
									unit: 'µs',
									better: 'lower'
								},
								'CPU µs'
							)
						);
					}
				}
				return rows;
			})
		)
};

/** Puts the triggers of `events` back as they were before there were declarations and grants, and drops the bounds. */
async function removeChecks(url: string): Promise<void> {
	const sql = openClient(url, { max: 1, name: 'bench without checks' });
	try {
		const first = await readFile('migrations/log/0001_append.sql', 'utf8');
		for (const name of ['logline_before_insert', 'logline_after_insert']) {
			const create = `CREATE FUNCTION ${name}()`;
			const statement = first.split('--> statement-breakpoint').find((s) => s.includes(create));
			if (!statement) throw new Error(`migrations/log/0001_append.sql has no ${name}`);
			// logline_append() has checked the place of the log already, as it does with the checks.
			await sql.unsafe(
				statement
					.replace(create, `CREATE OR REPLACE FUNCTION ${name}()`)
					.replace('PERFORM logline_lock()', 'LOCK TABLE log_state IN EXCLUSIVE MODE')
			);
		}
		await sql`ALTER TABLE events DROP CONSTRAINT events_bounds_check`;
	} finally {
		await sql.end();
	}
}
