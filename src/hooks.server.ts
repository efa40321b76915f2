import { existsSync } from 'node:fs';
import type { Handle, HandleServerError, ServerInit } from '@sveltejs/kit';
import { building, dev } from '$app/environment';
import { createRegistry, LoglineError, type TopicDefinition } from '$lib/protocol';
import { getApp, startApp, type App, type StartFeature } from '$lib/server/app.ts';
import { authenticate } from '$lib/server/auth/cookies.ts';
import { loadConfig, type Config } from '$lib/server/config.ts';
import { locateDatabase } from '$lib/server/database/locate.ts';
import { errorResponse } from '$lib/server/errors.ts';
import { closeIdleOncePerTurn } from '$lib/server/idle-connections.ts';
import { isForeignWrite } from '$lib/server/origin.ts';
import { endEarlier, endWithProcess } from '$lib/server/process.ts';
import { noteResponses, writeToSocket } from '$lib/server/sse/node-outlet.ts';
import { migrate } from '../drizzle/migrate.ts';

// A feature is a folder: what it declares and what it starts is found here, and nowhere named.
const topics = import.meta.glob<Record<string, TopicDefinition>>('./lib/features/*/topics.ts', {
	eager: true,
	import: 'topics'
});
const starts = import.meta.glob<StartFeature>('./lib/features/*/start.server.ts', {
	eager: true,
	import: 'start'
});

export const init: ServerInit = async () => {
	if (building) return;
	if (!dev) {
		noteResponses();
		closeIdleOncePerTurn();
	}
	// In development an edit runs this again, with fresh modules beside the old ones' sockets and timers.
	await endEarlier();
	// The commands of src/bin have read it already.
	if (dev && existsSync('.env')) process.loadEnvFile('.env');
	const config = loadConfig(process.env);
	const located = await locateDatabase(config, process.cwd(), (line) => console.log(line));
	const app = await start(config, located.url).catch(async (error: unknown) => {
		await located.release();
		throw error;
	});
	endWithProcess(
		config.shutdownGraceMs,
		async () => {
			await app.stop();
			await located.release();
		},
		{ served: !dev }
	);
};

async function start(config: Config, url: string): Promise<App> {
	await migrate(url);
	const registry = createRegistry(Object.values(topics));
	return startApp(config, url, registry, Object.values(starts));
}

/** The stream reads its session itself, together with all else it needs; health must not depend on a database. */
const WITHOUT_SESSION = new Set(['/api/events', '/api/health', '/api/health/live']);

export const handle: Handle = async ({ event, resolve }) => {
	const { request, url, locals } = event;
	locals.user = null;
	locals.sessionHash = null;
	let end: (() => void) | undefined;
	try {
		if (!url.pathname.startsWith('/api/health')) end = getApp().begin();
		if (isForeignWrite(request, url)) {
			throw new LoglineError(
				'foreign_origin',
				'Requests that change something must come from this site.',
				403
			);
		}
		preferPage(request);
		if (!WITHOUT_SESSION.has(url.pathname)) {
			const session = await authenticate(getApp().auth, event);
			locals.user = session?.user ?? null;
			locals.sessionHash = session?.sessionHash ?? null;
		}
	} catch (error) {
		end?.();
		return errorResponse(error);
	}
	try {
		const response = await resolve(event);
		writeToSocket(response, event.platform?.req);
		return response;
	} finally {
		end?.();
	}
};

/**
 * SvelteKit answers a form with JSON when the sender accepts anything, as curl and fetch do. Who wants its JSON says so;
 * everyone else gets what a browser without JavaScript gets: the redirect, or the page.
 */
function preferPage(request: Request): void {
	const form = /^(application\/x-www-form-urlencoded|multipart\/form-data)/.test(
		request.headers.get('content-type') ?? ''
	);
	if (form && !request.headers.get('accept')?.includes('application/json')) {
		request.headers.set('accept', 'text/html');
	}
}

export const handleError: HandleServerError = ({ error, status, message }) => {
	if (status >= 500) getApp().logger.error({ err: error }, 'a request failed');
	return { message: status >= 500 ? 'Something went wrong on our side. Try again.' : message };
};
