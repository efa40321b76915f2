import { subscribe } from 'node:diagnostics_channel';
import type { Server } from 'node:http';

/**
 * Lets the HTTP servers of this process look for idle connections once in a turn of the loop, however often they are asked to
 * close them. While it shuts down, adapter-node asks whenever a request ends, and each time Node looks at every connection
 * there is: ten thousand streams that end together would keep the loop busy for seven seconds, beyond any grace.
 *
 * Once per process; servers are met with their first request.
 *
 * @see https://nodejs.org/docs/latest-v20.x/api/http.html#servercloseidleconnections
 */
export function closeIdleOncePerTurn(): void {
	const met = new WeakSet<Server>();
	subscribe('http.server.request.start', (message) => {
		const { server } = message as { server: Server };
		if (met.has(server)) return;
		met.add(server);
		const close = server.closeIdleConnections.bind(server);
		let due = false;
		server.closeIdleConnections = () => {
			if (due) return;
			due = true;
			setImmediate(() => {
				due = false;
				close();
			});
		};
	});
}
