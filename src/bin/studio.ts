/** `npm run db:studio`: runs drizzle-kit's studio on the database of the app. */
import { spawn } from 'node:child_process';
import { drizzleKit } from './drizzle-kit.ts';
import { runCommand, withDatabase } from './command.ts';

runCommand(() =>
	withDatabase(
		(url) =>
			new Promise<number>((resolve, reject) => {
				const studio = spawn(
					process.execPath,
					[drizzleKit(), 'studio', '--config=drizzle/studio.config.ts'],
					{
						stdio: 'inherit',
						env: { ...process.env, DATABASE_URL: url }
					}
				);
				studio.once('error', reject);
				studio.once('close', (code) => resolve(code ?? 0));
			}),
		// Ctrl-C also reaches the studio. The database is released when the studio has ended.
		{ onInterrupt: () => {} }
	)
);
