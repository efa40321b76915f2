import type { App } from '$src/app/app.ts';
import { closeWithProcess, endEarlier } from '$src/app/process.ts';
import { createDoor } from './door.ts';
import { describePlace, listenError, listenOptions, type Place } from './listen-options.ts';
import { headersOfAll, IN_WORKERS, isForWorkers } from './security-headers.ts';
import { listen, type Handler, type HttpServer } from './server.ts';

/** Where src/commands/server.js finds the function that {@link offerServer} sets. Each build contains a copy of that file. */
const KEY = Symbol.for('logline.serve');

/**
 * Sets the function that serves the application, for the program that has loaded it. That program only has the adapter's
 * handler: the modules of the application are bundled and cannot be imported from outside.
 *
 * @param running returns the application
 * @param page HTML of a refusal
 */
export function offerServer(running: () => App, page: string): void {
	(globalThis as { [KEY]?: unknown })[KEY] = (handler: Handler) => serve(handler, running, page);
}

async function serve(handler: Handler, running: () => App, page: string): Promise<HttpServer> {
	const { logger, config } = running();
	let where: Place | undefined;
	try {
		where = listenOptions(process.env, process.pid);
		const server = await listen(
			{
				handler(request, response, next) {
					if (isForWorkers(request.url)) {
						response.setHeader('content-security-policy', IN_WORKERS);
					}
					return handler(request, response, next);
				},
				door: createDoor(running, page),
				headers: headersOfAll(process.env.ORIGIN),
				logger,
				closeMs: config.shutdownGraceMs / 2
			},
			where
		);
		closeWithProcess(server.close);
		console.log(`Listening on ${describePlace(where)}`);
		return server;
	} catch (error) {
		// The application may have started a database.
		await endEarlier();
		throw where ? listenError(error, where) : error;
	}
}
