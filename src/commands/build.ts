/**
 * `npm run build`: the first step of `npm start`, for machines that serve the build later or elsewhere with `node build`.
 */
import { BuildFailed, ensureBuild } from './builds.ts';
import { runCommand } from './run-command.ts';

runCommand(async () => {
	try {
		await ensureBuild();
	} catch (error) {
		if (!(error instanceof BuildFailed)) throw error;
		console.error(error.message);
		return error.exitCode;
	}
});
