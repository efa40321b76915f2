import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

/** Where distributions and people put it. */
const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Without what a browser does on its own account: it would talk to the network and load the machine. */
const FLAGS = [
	'--disable-gpu',
	'--disable-quic',
	'--no-first-run',
	'--disable-background-networking',
	'--disable-component-update',
	'--disable-sync'
];

/**
 * Starts a real Chromium: the one of `CHROMIUM_PATH`, of the system, or of Playwright. Whoever starts it closes it.
 *
 * @throws Error that says how to get one when there is none.
 */
export async function openBrowser(): Promise<Browser> {
	return chromium.launch({ executablePath: findChromium(), args: FLAGS });
}

function findChromium(): string {
	const given = process.env.CHROMIUM_PATH;
	if (given) {
		if (existsSync(given)) return given;
		throw new Error(`CHROMIUM_PATH is ${given}, and there is no such file.`);
	}
	const found = [...PLACES, chromium.executablePath()].find((path) => existsSync(path));
	if (found) return found;
	throw new Error(
		'The browser tests need Chromium. Install it (`apt install chromium`, or `npx playwright-core install chromium`), ' +
			'or say where it is: CHROMIUM_PATH=/path/to/chromium npm test'
	);
}
