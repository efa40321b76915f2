import { get as getHTTP } from 'node:http';
import { get as getHTTPS } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Logger, Plugin, ViteDevServer } from 'vite';
import { endEarlier, isRunning } from '../app/process.ts';

/** Wait before reloading, in milliseconds: editors write several files at once, and some of them twice. */
const PAUSE_MS = 50;

/**
 * Runs the application from the start of the dev server to its end, and restarts it after edits.
 *
 * SvelteKit loads edited server code only at the next request. Until then, features emit with the old code, and open streams
 * show this. So this plugin sends that request. If the edit concerns the application, the hook `init` runs again: it ends
 * the application and its streams, and starts the new one (src/hooks.server.ts). Pages reconnect by themselves. If it does
 * not, the request has no effect.
 */
export const restartAtEdits: Plugin = {
	name: 'logline:restart-at-edits',
	apply: 'serve',
	configureServer(server) {
		server.httpServer?.once('listening', () => load(server));
	},
	hotUpdate: {
		// After the other plugins, which report what changed.
		order: 'post',
		handler({ server }) {
			if (this.environment.name === 'ssr' && server.httpServer?.listening) load(server);
		}
	},
	// The dev server ends its process when it has closed. The application and its database must have ended before.
	closeServer: () => endEarlier()
};

const waiting = new WeakMap<ViteDevServer, NodeJS.Timeout>();

function load(server: ViteDevServer): void {
	clearTimeout(waiting.get(server));
	const timer = setTimeout(() => {
		// The server may have been closed meanwhile.
		if (!server.httpServer?.listening) return;
		request(server).then(
			(problem) => problem && tell(server.config.logger, problem),
			(error: unknown) => {
				if (server.httpServer?.listening) tell(server.config.logger, String(error));
			}
		);
	}, PAUSE_MS);
	waiting.set(server, timer.unref());
}

function tell(logger: Logger, problem: string): void {
	const state = isRunning()
		? 'The application goes on as it was before the edit'
		: 'The application does not run';
	logger.error(`${problem}\n${state}. The next edit tries again.`, { timestamp: true });
}

/**
 * Sends the request.
 *
 * @returns the error text of the code; null: no error
 */
function request(server: ViteDevServer): Promise<string | null> {
	const { address, port } = server.httpServer!.address() as AddressInfo;
	const any: Record<string, string> = { '::': '::1', '0.0.0.0': '127.0.0.1' };
	const get = server.config.server.https ? getHTTPS : getHTTP;
	return new Promise((resolve, reject) => {
		const options = {
			host: any[address] ?? address,
			port,
			path: `${server.config.base}api/health/live`,
			agent: false as const,
			// Accept a self-signed certificate: the request goes to this machine.
			rejectUnauthorized: false
		};
		get(options, (response) => {
			let body = '';
			response.setEncoding('utf8');
			response.on('data', (text: string) => (body += text));
			response.on('end', () => resolve(response.statusCode! >= 500 ? body.trim() : null));
			response.on('error', reject);
		}).on('error', reject);
	});
}
