// @ts-check
/**
 * adapter-node, but each build gets its own folder, `build/<id>/`, which never changes. `build/index.js` and
 * `build/handler.js` only import from it. Reason: a server imports the modules of a page at the first request of that page.
 * A new build that replaced the files of a running server would break each page that nobody has opened yet.
 */
import adapter from '@sveltejs/adapter-node';
import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { constants, createBrotliCompress, createGzip } from 'node:zlib';
import { pointTo } from './pointer.js';

/** Set by src/commands/builds.ts: the name of the build, and the folder for temporary files. */
const { LOGLINE_BUILD: id = randomBytes(8).toString('hex'), LOGLINE_BUILD_STAGING: staging } =
	process.env;

if (staging) {
	// The parent process that started this build was killed. The next start removes the unfinished files.
	const end = () => process.exit(1);
	if (process.connected === false) end();
	process.once('disconnect', end);
	process.channel?.unref();
}

/** @returns {import('@sveltejs/kit').Adapter} */
export default function immutableBuilds() {
	const unfinished = staging ? join(staging, 'app') : join('build', `.unfinished-${process.pid}`);
	const inner = adapter({ out: unfinished });
	return {
		...inner,
		name: 'adapter-node, one folder for each build',
		async adapt(builder) {
			try {
				await inner.adapt({ ...builder, compress });
				/** @param {string} name */
				const own = (name) => new URL(name, import.meta.url);
				await copyFile(own('./in-use.js'), join(unfinished, 'in-use.js'));
				// Replaces the adapter's server.
				await copyFile(own('./server.js'), join(unfinished, 'index.js'));
				await mkdir(join(unfinished, 'in-use'));
				// The user that serves the build may be another user than the one that builds.
				await chmod(join(unfinished, 'in-use'), 0o1777);
				await rename(unfinished, join('build', id));
			} finally {
				await rm(unfinished, { recursive: true, force: true });
			}
			await pointTo(id);
		}
	};
}

const COMPRESSED = /\.(js|json|css|svg|html|xml|txt|wasm|data)$/;

/** Brotli takes half a minute for the database in the browser (src/routes/log/sql), and saves little. Octets. */
const LARGE = 1024 * 1024;

/**
 * Takes the place of SvelteKit's own, which knows fewer types of files and no limit.
 *
 * @param {string} folder
 */
async function compress(folder) {
	if (!existsSync(folder)) return;
	const names = await readdir(folder, { recursive: true });
	await Promise.all(
		names
			.filter((name) => COMPRESSED.test(name))
			.map(async (name) => {
				const file = join(folder, name);
				const { size } = await stat(file);
				const params = { [constants.BROTLI_PARAM_SIZE_HINT]: size };
				await write(file, '.gz', createGzip({ level: constants.Z_BEST_COMPRESSION }));
				if (size < LARGE) await write(file, '.br', createBrotliCompress({ params }));
			})
	);
}

/**
 * @param {string} file
 * @param {string} suffix
 * @param {import('node:stream').Transform} compressor
 */
const write = (file, suffix, compressor) =>
	pipeline(createReadStream(file), compressor, createWriteStream(file + suffix));
