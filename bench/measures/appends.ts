import { appendAsFast } from '../load/appends.ts';
import type { Way } from '../load/append-worker.ts';
import {
	interleave,
	type Contestant,
	type Figures,
	type Measure,
	type Row
} from '../stage/measure.ts';
import { createPlainTable } from '../stage/postgres.ts';
import { declareAndGrant } from '../stage/rooms.ts';

const CALLERS = [1, 8, 64, 1000];

const WAYS: { name: string; role: Contestant['role']; way: Way }[] = [
	{ name: 'Logline append', role: 'ours', way: 'writer' },
	{ name: 'INSERT + NOTIFY', role: 'peer', way: 'notify' },
	{ name: 'rows in bulk', role: 'limit', way: 'rows' }
];

/** How many events per second become durable, and how long a caller waits, from few callers to many. */
export const appends: Measure = {
	name: 'appends',
	run: (stage) =>
		stage.postgres.withDatabase(async (url) => {
			await createPlainTable(url);
			await declareAndGrant(stage, url);
			const rows: Row[] = [];
			for (const callers of CALLERS) {
				stage.say(`appends, ${callers} at once`);
				const results = await interleave(
					stage,
					WAYS.map(({ name, role, way }) => ({
						name,
						role,
						round: async (): Promise<Figures> => {
							const { perSecond, p50, p99 } = await appendAsFast({
								way,
								url,
								callers,
								warmUpMs: stage.quick ? 300 : 1500,
								measureMs: stage.quick ? 700 : 4000
							});
							return role === 'limit' ? { perSecond } : { perSecond, p50, p99 };
						}
					}))
				);
				const who = callers === 1 ? '1 caller' : `${callers.toLocaleString('en-US')} callers`;
				rows.push(
					results.row(
						{
							measure: 'appends',
							title: `Durable appends, ${who}`,
							unit: 'events/s',
							better: 'higher',
							picture: callers === 1000
						},
						'perSecond',
						callers === 1000
							? (to) => ({
									text: 'at least 15 × INSERT + NOTIFY',
									met: to('INSERT + NOTIFY') >= 15
								})
							: undefined
					),
					latency(results, `Append, ${who}: median wait`, 'p50'),
					latency(results, `Append, ${who}: 99 of 100 wait at most`, 'p99')
				);
			}
			return rows;
		})
};

function latency(
	results: Awaited<ReturnType<typeof interleave>>,
	title: string,
	figure: string
): Row {
	return results.row({ measure: 'appends', title, unit: 'ms', better: 'lower' }, figure);
}
