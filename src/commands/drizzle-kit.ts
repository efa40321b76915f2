import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/**
 * Returns the path of drizzle-kit's command-line program.
 *
 * @throws Error when the development packages are not installed
 */
export function drizzleKit(): string {
	try {
		return join(dirname(createRequire(import.meta.url).resolve('drizzle-kit')), 'bin.cjs');
	} catch (cause) {
		throw new Error('drizzle-kit is not installed. Run "npm ci" without --omit=dev.', { cause });
	}
}
