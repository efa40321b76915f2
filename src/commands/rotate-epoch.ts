/**
 * `npm run db:rotate-epoch`, to be run after a restore from backup: ids that were given out after the backup will be given
 * to other events. With a new epoch, clients with a cursor of the old one get a gap and a full replay.
 */
import { openClient } from '$lib/server/database/client.ts';
import { migrate } from '../../drizzle/migrate.ts';
import { runCommand, withDatabase } from './run-command.ts';

runCommand(() =>
	withDatabase(async (url) => {
		await migrate(url);
		const sql = openClient(url, { max: 1, name: 'rotate epoch' });
		try {
			const [state] = await sql<{ epoch: string }[]>`
				update log_state set epoch = gen_random_uuid() returning epoch`;
			if (!state) throw new Error('The table log_state is empty. Restore the backup completely.');
			console.log(
				`The log now has the epoch ${state.epoch}. Clients learn of it when they connect again.`
			);
		} finally {
			await sql.end({ timeout: 5 });
		}
	})
);
