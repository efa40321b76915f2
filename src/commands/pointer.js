// @ts-check
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const FOLDER = 'build';

/**
 * Makes `build/index.js` (run by `node build`) and `build/handler.js` (for a custom server) import from a build.
 *
 * @param {string} id
 */
export async function pointTo(id) {
	for (const name of ['handler.js', 'index.js']) {
		const text = `import './${id}/in-use.js';\nexport * from './${id}/${name}';\n`;
		const fresh = join(FOLDER, `.${name}-${process.pid}`);
		try {
			await writeFile(fresh, text);
			await rename(fresh, join(FOLDER, name));
		} finally {
			await rm(fresh, { force: true });
		}
	}
}

/**
 * Returns the id of the build that `build/index.js` imports from; null when there is none.
 *
 * @returns {Promise<string | null>}
 */
export async function pointsTo() {
	try {
		const text = await readFile(join(FOLDER, 'index.js'), 'utf8');
		return /^import '\.\/([^/']+)\/in-use\.js'/.exec(text)?.[1] ?? null;
	} catch (error) {
		if (Reflect.get(Object(error), 'code') === 'ENOENT') return null;
		throw error;
	}
}
