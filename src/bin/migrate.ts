/** `npm run db:migrate`: applies what is due of migrations/ to the database that the app uses. */
import { describe } from '$lib/server/database/wait.ts';
import { migrate } from '../../drizzle/migrate.ts';
import { runCommand, withDatabase } from './command.ts';

runCommand(() =>
	withDatabase(async (url) => {
		await migrate(url);
		console.log(`${describe(url)} is up to date`);
	})
);
