// @ts-check
/**
 * Each build contains a copy of this file, and a process that runs the build imports it first. While the process runs, a
 * mark file exists; a later build removes no build with such a file. It is plain JavaScript, because it is copied, not
 * compiled.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';

const mark = new URL(`./in-use/${process.pid}@${encodeURIComponent(hostname())}`, import.meta.url);
try {
	writeFileSync(mark, '');
	process.once('exit', () => rmSync(mark, { force: true }));
} catch (error) {
	// If this folder cannot be written, the build cannot be removed either.
	if (!['EACCES', 'EPERM', 'EROFS'].includes(Reflect.get(Object(error), 'code'))) throw error;
}
