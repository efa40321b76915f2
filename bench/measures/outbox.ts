import { appendAsFast } from '../load/appends.ts';
import type { Way } from '../load/append-worker.ts';
import { interleave, type Contestant, type Figures, type Measure } from '../stage/measure.ts';
import { createPlainTable } from '../stage/postgres.ts';

const WAYS: { name: string; role: Contestant['role']; way: Way }[] = [
	{ name: 'Logline outbox', role: 'ours', way: 'outbox' },
	{ name: 'INSERT + NOTIFY', role: 'peer', way: 'notify' },
	{ name: 'INSERT alone', role: 'limit', way: 'plain' }
];

/**
 * The cost of an event inside a caller's transaction: rows are put into the outbox one by one, while the relay moves them.
 */
export const outbox: Measure = {
	name: 'outbox',
	run: (stage) =>
		stage.postgres.withDatabase(async (url) => {
			await createPlainTable(url);
			stage.say('outbox, 32 connections');
			const results = await interleave(
				stage,
				WAYS.map(({ name, role, way }) => ({
					name,
					role,
					round: async (): Promise<Figures> => {
						const { perSecond, p50, p99, behind } = await appendAsFast({
							way,
							url,
							callers: 32,
							warmUpMs: stage.quick ? 300 : 1500,
							measureMs: stage.quick ? 700 : 4000
						});
						return role === 'ours' ? { perSecond, p50, p99, behind } : { perSecond, p50, p99 };
					}
				}))
			);
			return [
				results.row(
					{
						measure: 'outbox',
						title: 'Single rows into the outbox, 32 connections',
						unit: 'events/s',
						better: 'higher',
						note: 'The relay moves them into the log meanwhile.'
					},
					'perSecond',
					(to) => ({ text: 'at least 5 × INSERT + NOTIFY', met: to('INSERT + NOTIFY') >= 5 })
				),
				results.row(
					{
						measure: 'outbox',
						title: 'Outbox: 99 of 100 commits take at most',
						unit: 'ms',
						better: 'lower'
					},
					'p99'
				),
				results.row(
					{
						measure: 'outbox',
						title: 'Outbox: all moved after the last commit',
						unit: 'ms',
						better: 'lower'
					},
					'behind'
				)
			];
		})
};
