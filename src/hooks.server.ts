import { existsSync } from 'node:fs';
import type { Handle, HandleServerError, RequestEvent, ServerInit } from '@sveltejs/kit';
import { building, dev } from '$app/environment';
import { createRegistry, LoglineError, requireSameUser, type TopicDefinition } from 'logline';
import { findApp, getApp, startApp, type StartFeature } from '$src/app/app.ts';
import { authenticate, readBrowser } from '$src/accounts/cookies.ts';
import { compress } from '$src/http/compress.ts';
import { loadConfig } from '$src/app/config.ts';
import { whileWanted } from 'logline/postgres';
import { locateDatabase } from '$src/embedded-postgres/locate.ts';
import { bodyLimit } from '$src/http/body-limit.ts';
import { failureOf } from 'logline/server';
import { refuse, toResponse } from '$src/http/refuse.ts';
import { isNoAction } from '$src/http/form-action.ts';
import { whileClientIsThere } from '$src/http/gone.ts';
import { OPEN_FORMS, purposeOf } from '$src/http/open-forms.ts';
import { withBody } from '$src/http/with-body.ts';
import { secureResponse } from '$src/http/security-headers.ts';
import { offerServer } from '$src/http/offer.ts';
import { foreignOrigin, isForeignWrite } from '$src/http/origin.ts';
import { endAtSignals, endWithProcess, startInstead } from '$src/app/process.ts';
import { bindToSocket } from 'logline/server';
import { migrate } from '../drizzle/migrate.ts';
import errorPage from '$src/error.html?raw';

// Each feature is a folder. Its topics and its start function are found here by glob, so no list has to name it.
const topics = import.meta.glob<Record<string, TopicDefinition>>('./features/*/topics.ts', {
	eager: true,
	import: 'topics'
});
const starts = import.meta.glob<unknown>('./features/*/start.server.ts', {
	eager: true,
	import: 'start'
});

export const init: ServerInit = async () => {
	if (building) return;
	// The commands of src/commands have loaded it already.
	if (dev && existsSync('.env')) process.loadEnvFile('.env');
	const config = loadConfig(process.env);
	// Report errors in a feature's files before the running application is stopped for the new one.
	const registry = createRegistry(topics);
	const features = startsOf(starts);
	endAtSignals(config.shutdownGraceMs);
	// In development, each edit runs this again with fresh modules, while the old modules still hold sockets and timers.
	await startInstead(async () => {
		const located = await locateDatabase(config, process.cwd(), (line) => console.log(line));
		const app = await migrate(located.url)
			.then(() => startApp(config, located.url, registry, features))
			.catch(async (error: unknown) => {
				await located.release();
				throw error;
			});
		endWithProcess(config.shutdownGraceMs, async () => {
			try {
				await app.stop();
			} finally {
				await located.release();
			}
		});
	});
	if (!dev) offerServer(getApp, errorPage);
};

/** An editor may leave a file empty for a moment, and a glob does not check the type of its imports. */
function startsOf(found: Record<string, unknown>): StartFeature[] {
	return Object.entries(found).map(([file, start]) => {
		if (typeof start === 'function') return start as StartFeature;
		throw new Error(`src/${file.slice(2)} must export a function named \`start\`.`);
	});
}

/** The stream reads its session in its own query, programs that publish have none, health and metrics need no database. */
const WITHOUT_SESSION = new Set([
	'/api/events',
	'/api/publish',
	'/api/metrics',
	'/api/health',
	'/api/health/live'
]);

/** These tell of the end, too. */
const WHILE_DRAINING = /^\/api\/(health(\/live)?|metrics)$/;

export const handle: Handle = async ({ event, resolve }) => {
	const socket = event.platform?.req.socket;
	const work = () => answer({ event, resolve });
	// In development only the signal of the request is known. It misses a client that goes after its body has been read.
	const response = await (socket
		? whileClientIsThere(socket, work)
		: whileWanted(event.request.signal, work));
	return secureResponse(response, event.url);
};

async function answer({ event, resolve }: Parameters<Handle>[0]): Promise<Response> {
	const { request, url, locals } = event;
	locals.user = null;
	locals.sessionHash = null;
	let end: (() => void) | undefined;
	try {
		if (!WHILE_DRAINING.test(url.pathname)) end = getApp().logline.begin();
		if (isForeignWrite(request, url)) {
			throw foreignOrigin();
		}
		if (isNoAction(request, url)) {
			throw new LoglineError('unknown_action', 'This page has no such action.', 404);
		}
		const form = request.method === 'POST' ? OPEN_FORMS.get(url.pathname) : undefined;
		// Refuse a flood before anything is read, queried or rendered.
		if (form) getApp().auth.turnAway(purposeOf(form), readBrowser(getApp().auth, event));
		preferPage(request);
		if (!WITHOUT_SESSION.has(url.pathname)) {
			const session = await authenticate(getApp().auth, event).catch((error: unknown) => {
				if (form && form !== 'guest' && failureOf(error)) return null;
				throw error;
			});
			locals.user = session?.user ?? null;
			locals.sessionHash = session?.sessionHash ?? null;
			// A page of one user must not act as another who has signed in beside it.
			if (session) requireSameUser(url, session.user);
			await waitForBody(event);
		}
	} catch (error) {
		end?.();
		const failure = failureOf(error);
		if (!failure) throw error;
		return refused(event, failure);
	}
	try {
		const asked = performance.now();
		const response = await resolve(event);
		// What was read for a session that has ended meanwhile is not given out.
		if ((request.method === 'GET' || request.method === 'HEAD') && (await hasEnded(event, asked))) {
			await response.body?.cancel();
			return refused(event, ended());
		}
		// SvelteKit treats every error of a page as an internal error.
		const { failure } = locals;
		if (failure && (response.status === 500 || event.isDataRequest)) return refused(event, failure);
		if (event.platform) bindToSocket(response, event.platform.req.socket);
		return compress(request, response);
	} catch (error) {
		const failure = failureOf(error);
		if (!failure) throw error;
		return refused(event, failure);
	} finally {
		end?.();
	}
}

/** What is read for a session that ends within this time after it was looked up is given out. Milliseconds. */
const SOON_MS = 500;

const ended = () => new LoglineError('unauthorized', 'Your session has ended. Sign in again.', 401);

/** @param since when the session was looked up, as `performance.now()` tells it */
async function hasEnded({ locals }: RequestEvent, since: number): Promise<boolean> {
	if (!locals.sessionHash || performance.now() - since < SOON_MS) return false;
	return (await getApp().auth.findViewer(locals.sessionHash)) === null;
}

/**
 * Waits for the body of a request that has a session, so that one that comes slowly does not count after the session's end.
 *
 * @throws LoglineError `unauthorized`
 */
async function waitForBody(event: RequestEvent): Promise<void> {
	if (!event.locals.sessionHash || !event.request.body) return;
	event.request = await withBody(event.request);
	if (!(await getApp().auth.findViewer(event.locals.sessionHash))) throw ended();
}

function refused({ request, url, isDataRequest }: RequestEvent, failure: LoglineError): Response {
	const header = (name: string) => request.headers.get(name);
	const asked = { method: request.method, pathname: url.pathname, header, isDataRequest };
	return toResponse(refuse(asked, failure, errorPage));
}

/**
 * SvelteKit responds to a form with JSON when the client accepts any type, as curl and fetch do. A client that wants this
 * JSON must ask for it. Others get what a browser without JavaScript gets: the redirect, or the page.
 */
function preferPage(request: Request): void {
	const form = /^(application\/x-www-form-urlencoded|multipart\/form-data)/.test(
		request.headers.get('content-type') ?? ''
	);
	if (form && !request.headers.get('accept')?.includes('application/json')) {
		request.headers.set('accept', 'text/html');
	}
}

export const handleError: HandleServerError = ({ error, event, status, message }) => {
	const failure = failureOf(error);
	if (failure) {
		event.locals.failure = failure;
		// Only debug: the parts that watch the database already log an outage once.
		findApp()?.logger.debug({ err: error }, 'a request was refused');
		return { code: failure.code, message: failure.message };
	}
	if (status >= 500) findApp()?.logger.error({ err: error }, 'a request failed');
	if (status >= 500) return { message: 'Something went wrong on our side. Try again.' };
	if (status === 413) return { message: `The body must be at most ${bodyLimit()} bytes.` };
	return { message };
};
