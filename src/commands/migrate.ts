/** `npm run db:migrate`: applies missing migrations to the database of the app. */
import { describeAddress } from 'logline/postgres';
import { migrate } from '../../drizzle/migrate.ts';
import { runCommand, withDatabase } from './run-command.ts';

runCommand(() =>
	withDatabase(async (url) => {
		const { applied, unknown } = await migrate(url);
		for (const name of applied) console.log(`applied ${name}`);
		for (const name of unknown) console.log(`${name} is not here: a newer version applied it`);
		console.log(`${describeAddress(url)} is up to date`);
	})
);
