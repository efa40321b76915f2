/**
 * The last step of `npm run db:generate`: writes the SQL of migrations/log into a module. The library is bundled into other
 * programs, so it cannot read its SQL from files.
 */
import { writeFile } from 'node:fs/promises';
import { runCommand } from './run-command.ts';
import { LOG_MODULE, logModule } from './log-module.ts';

runCommand(async () => {
	await writeFile(LOG_MODULE, await logModule());
	return 0;
});
