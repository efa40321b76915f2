import type { LocatedDatabase } from './embedded.ts';
import { startEmbedded } from './embedded.ts';

/**
 * Returns the database to use: the configured one, else this project's embedded server.
 *
 * @param root the project's folder; the embedded data is in its folder `.data`
 * @param notice called with one line when the embedded server had to put something elsewhere
 */
export async function locateDatabase(
	config: { databaseUrl: string | null },
	root: string,
	notice?: (line: string) => void
): Promise<LocatedDatabase> {
	if (config.databaseUrl) return { url: config.databaseUrl, release: () => Promise.resolve() };
	return startEmbedded(root, notice);
}
