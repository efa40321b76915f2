/**
 * `npm run db:rotate-epoch`, to be run after a restore from backup: ids that were given out after the backup will be given
 * to other events. With a new epoch, clients with a cursor of the old one get a gap and a full replay.
 */
import { SoleConnection } from 'logline/postgres';
import { migrate } from '../../drizzle/migrate.ts';
import { runCommand, withDatabase } from './run-command.ts';

runCommand(() =>
	withDatabase(async (url) => {
		await migrate(url);
		const on = new SoleConnection(url, { name: 'rotate epoch', answerMs: 60_000 });
		try {
			const [state] = await on.query<{ epoch: string }>(
				'UPDATE log_state SET epoch = gen_random_uuid() RETURNING epoch',
				[]
			);
			if (!state) throw new Error('The table log_state is empty. Restore the backup completely.');
			console.log(
				`The log now has the epoch ${state.epoch}. Clients learn of it when they connect again.`
			);
		} finally {
			await on.end();
		}
	})
);
