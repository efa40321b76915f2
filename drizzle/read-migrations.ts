import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Migration } from '$lib/server/schema/ledger.ts';

/**
 * Reads the migrations of a folder: its `.sql` files, sorted by name.
 *
 * @throws Error when there are none
 */
export async function readMigrations(folder: string): Promise<Migration[]> {
	const names = existsSync(folder) ? await readdir(folder) : [];
	const files = names.filter((name) => name.endsWith('.sql')).sort();
	if (files.length === 0) {
		throw new Error(
			`No migrations in ${folder}. Start Logline from the folder of its package.json.`
		);
	}
	return Promise.all(
		files.map(async (file) => ({
			name: file.slice(0, -'.sql'.length),
			// Git may have changed the line endings. This must not change the hash.
			text: (await readFile(join(folder, file), 'utf8')).replaceAll('\r\n', '\n')
		}))
	);
}
