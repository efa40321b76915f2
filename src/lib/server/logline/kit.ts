/** How SvelteKit calls the library. Only types that its versions 2 and 3 both have are imported from it. */
import type { RequestEvent } from '@sveltejs/kit';
import type { Socket } from 'node:net';
import { bindToSocket } from '../sse/node-outlet.ts';
import { SSE_HEADERS } from '../sse/produce-sse.ts';
import { errorResponse } from '../streams/refusal.ts';
import type { Handle, Logline, StreamHandler } from './api.ts';

/** See `Logline.handle`. */
export function createHandle(running: () => Pick<Logline, 'begin'>): Handle {
	return async ({ event, resolve }) => {
		let end: () => void;
		try {
			end = running().begin();
		} catch (error) {
			return errorResponse(error);
		}
		try {
			const response = await resolve(event);
			const socket = socketOf(event);
			if (socket) bindToSocket(response, socket);
			return response;
		} finally {
			end();
		}
	};
}

/** See `Logline.stream`. */
export function createStreamHandler(running: () => Pick<Logline, 'open'>): StreamHandler {
	return (authenticate) => async (event) => {
		const { request, url } = event;
		// SvelteKit calls GET for HEAD. A stream would respond only when it ends.
		if (request.method === 'HEAD') return new Response(null, { headers: SSE_HEADERS });
		try {
			const asked = {
				searchParams: url.searchParams,
				headers: request.headers,
				gone: request.signal
			};
			return await running().open(asked, () => authenticate(event));
		} catch (error) {
			return errorResponse(error);
		}
	};
}

/** adapter-node's `platform`. Other servers, and the one of development, have another. */
function socketOf({ platform }: RequestEvent): Socket | undefined {
	return (platform as { req?: { socket?: Socket } } | undefined)?.req?.socket;
}
