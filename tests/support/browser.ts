import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

/** Usual places of the browser. */
const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** A build of it that has no windows, and needs a third less time. It keeps no page for the way back. */
const WITHOUT_WINDOWS = '/usr/bin/chromium-headless-shell';

/** Turns off background work of the browser, which would use the network and load the machine: also compiling WebAssembly again. */
const FLAGS = [
	'--disable-gpu',
	'--disable-quic',
	'--no-first-run',
	'--disable-background-networking',
	'--disable-component-update',
	'--disable-sync',
	'--js-flags=--liftoff-only'
];

/**
 * Starts a real Chromium: from `CHROMIUM_PATH`, from the system, or from Playwright. The caller must close it.
 *
 * @param options.keepsPages true: with the back/forward cache, which people have, and Playwright disables
 * @throws Error that says how to install one when there is none
 */
export async function openBrowser({ keepsPages = false } = {}): Promise<Browser> {
	return chromium.launch({
		executablePath: findChromium(keepsPages),
		args: FLAGS,
		...(keepsPages && { ignoreDefaultArgs: ['--disable-back-forward-cache'] })
	});
}

function findChromium(withWindows: boolean): string {
	const given = process.env.CHROMIUM_PATH;
	if (given) {
		if (existsSync(given)) return given;
		throw new Error(`CHROMIUM_PATH is ${given}, and there is no such file.`);
	}
	const places = [...(withWindows ? [] : [WITHOUT_WINDOWS]), ...PLACES, chromium.executablePath()];
	const found = places.find((path) => existsSync(path));
	if (found) return found;
	throw new Error(
		'The browser tests need Chromium. Install it (`apt install chromium`, or `npx playwright-core install chromium`), ' +
			'or say where it is: CHROMIUM_PATH=/path/to/chromium npm test'
	);
}
