import type { LocatedDatabase } from './embedded.ts';
import { startEmbedded } from './embedded.ts';

/**
 * The database to use: the configured one, else the embedded server of this project.
 *
 * @param root the project's folder; the embedded data is in `.data` there
 * @param notice told in one line when the embedded server had to put something elsewhere
 */
export async function locateDatabase(
	config: { databaseUrl: string | null },
	root: string,
	notice?: (line: string) => void
): Promise<LocatedDatabase> {
	if (config.databaseUrl) return { url: config.databaseUrl, release: () => Promise.resolve() };
	return startEmbedded(root, notice);
}
