/** `npm run db:studio`: drizzle-kit's studio on the database that the app uses. */
import { spawn } from 'node:child_process';
import { drizzleKit } from './drizzle-kit.ts';
import { runCommand, withDatabase } from './command.ts';

runCommand(() =>
	withDatabase(
		(url) =>
			new Promise<number>((resolve, reject) => {
				const studio = spawn(process.execPath, [drizzleKit(), 'studio'], {
					stdio: 'inherit',
					env: { ...process.env, DATABASE_URL: url }
				});
				studio.once('error', reject);
				studio.once('close', (code) => resolve(code ?? 0));
			}),
		// Ctrl-C reaches the studio as well; when it has ended, the database is given back.
		{ onInterrupt: () => {} }
	)
);
