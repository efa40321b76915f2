import type { IncomingMessage, ServerResponse } from 'node:http';
import { LoglineError } from 'logline';
import { findApp, type App } from '$src/app/app.ts';
import { cookieIn, DEVICE_COOKIE, networkOfVisit, SESSION_COOKIE } from '$src/accounts/cookies.ts';
import { failureOf, sendStream } from 'logline/server';
import { jsonRefusal, refuse, type Answer } from './refuse.ts';
import { whileClientIsThere } from './gone.ts';
import { OPEN_FORMS, purposeOf } from './open-forms.ts';
import { foreignOrigin, isForeignWrite } from './origin.ts';
import { publish } from './publish/publish.ts';
import { NO_PAGE } from './security-headers.ts';
import type { Door } from './server.ts';

const STREAM = '/api/events';
const PUBLISH = '/api/publish';

/**
 * Handles some paths without the framework: the stream, which thousands of clients open at once after an outage, and login
 * forms that the throttle refuses from memory: the framework's Request and Response would cost more than this work. And what is
 * published, because the framework limits every body, and a feed has no limit.
 *
 * @param running returns the application, called at each request; throws LoglineError when there is none any more
 * @param page HTML of a refusal, see {@link refuse}
 */
export function createDoor(running: () => App, page: string): Door {
	return (request, response) => {
		const [pathname = ''] = request.url?.split('?', 1) ?? [];
		if (request.method === 'GET' && pathname === STREAM) {
			void answerStream(running, request, response);
			return true;
		}
		if (request.method === 'POST' && pathname === PUBLISH) {
			void answerPublish(running, request, response);
			return true;
		}
		const form = request.method === 'POST' ? OPEN_FORMS.get(pathname) : undefined;
		if (!form) return false;
		try {
			const { auth } = running();
			const network = networkOfVisit(auth, request);
			const deviceToken = cookieIn(request.headers.cookie, DEVICE_COOKIE) ?? null;
			auth.turnAway(purposeOf(form), { network, deviceToken });
			return false;
		} catch (error) {
			if (!(error instanceof LoglineError)) throw error;
			const header = (name: string) => request.headers[name]?.toString();
			const asked = { method: 'POST', pathname, header, isDataRequest: false };
			send(refuse(asked, error, page), response);
			return true;
		}
	};
}

/** Responds to `GET /api/events`. It does not look at the path. */
export async function answerStream(
	running: () => App,
	request: IncomingMessage,
	response: ServerResponse
): Promise<void> {
	try {
		response.setHeader('content-security-policy', NO_PAGE);
		await openAndSend(running(), request, response);
	} catch (error) {
		const failure = failureOf(error);
		if (!failure) findApp()?.logger.error({ err: error }, 'a request failed');
		if (response.headersSent) response.destroy();
		else send(jsonRefusal(failure ?? ourFault()), response);
	}
}

/** Not async: an async function would keep the Response in memory while the stream is open. */
const openAndSend = (app: App, request: IncomingMessage, response: ServerResponse) =>
	open(app, request).then((stream) => sendStream(stream, response));

async function open(app: App, request: IncomingMessage): Promise<Response> {
	const { auth, logline } = app;
	const end = logline.begin();
	try {
		const { searchParams } = new URL(request.url ?? '/', 'http://localhost');
		const token = cookieIn(request.headers.cookie, SESSION_COOKIE);
		const session = token ? auth.hashToken(token) : null;
		const headers = { get: (name: string) => request.headers[name]?.toString() ?? null };
		return await whileClientIsThere(request.socket, (gone) =>
			logline.open({ searchParams, headers, gone, session }, () =>
				session === null ? null : auth.findViewer(session)
			)
		);
	} finally {
		end();
	}
}

/** Responds to `POST /api/publish`. It does not look at the path. */
async function answerPublish(
	running: () => App,
	request: IncomingMessage,
	response: ServerResponse
): Promise<void> {
	const header = (name: string) => request.headers[name]?.toString() ?? null;
	try {
		const origin = process.env.ORIGIN || `https://${header('host')}`;
		if (isForeignWrite({ method: 'POST', headers: { get: header } }, { origin })) {
			throw foreignOrigin();
		}
		const app = running();
		// A response must still go out on this socket when reading ends early.
		const chunks = { [Symbol.asyncIterator]: () => request.iterator({ destroyOnReturn: false }) };
		const answer = await whileClientIsThere(request.socket, () => publish(app, { header, chunks }));
		send(answer, response);
	} catch (error) {
		const failure = failureOf(error);
		if (!failure) findApp()?.logger.error({ err: error }, 'a request failed');
		send(jsonRefusal(failure ?? ourFault()), response);
	}
}

const ourFault = () =>
	new LoglineError('internal', 'Something went wrong on our side. Try again.', 500);

function send({ status, headers, body }: Answer, response: ServerResponse): void {
	response.statusCode = status;
	response.setHeader('content-security-policy', NO_PAGE);
	response.setHeaders(new Headers(headers));
	response.end(body);
}
