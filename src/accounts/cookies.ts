/** The two cookies of an account, and how requests and responses use them. */
import type { IncomingHttpHeaders } from 'node:http';
import { SESSION_SECONDS, type Auth, type Session, type SignedIn } from './auth.ts';
import type { Browser } from './browser.ts';
import { visitorAddress } from './address.ts';
import { networkOf } from './network.ts';

/** Contains the session's token. */
export const SESSION_COOKIE = 'auth_session';
/** Identifies a browser, so that a user is notified of a sign-in from a new one. */
export const DEVICE_COOKIE = 'device';

/** Browsers keep no cookie longer than 400 days (RFC 6265bis, section 5.5). */
const DEVICE_SECONDS = 400 * 86_400;

/** A cookie in the form of `event.cookies.set(name, value, attributes)`. */
export interface Cookie {
	name: string;
	value: string;
	attributes: {
		path: '/';
		httpOnly: true;
		sameSite: 'lax';
		secure: boolean;
		/** Seconds. */
		maxAge: number;
	};
}

/** The part of SvelteKit's `Cookies` that is used here. */
export interface CookieJar {
	get(name: string): string | undefined;
	set(name: string, value: string, attributes: Cookie['attributes']): void;
}

/**
 * Returns the cookie of a session.
 *
 * @param url of the request: over http, browsers would drop a `Secure` cookie
 */
export function sessionCookie(token: string, url: URL): Cookie {
	return cookie(SESSION_COOKIE, token, SESSION_SECONDS, url);
}

/** Returns the cookie that removes the session cookie. */
export function blankSessionCookie(url: URL): Cookie {
	return cookie(SESSION_COOKIE, '', 0, url);
}

/** Returns the cookie that identifies a browser. */
export function deviceCookie(token: string, url: URL): Cookie {
	return cookie(DEVICE_COOKIE, token, DEVICE_SECONDS, url);
}

function cookie(name: string, value: string, maxAge: number, url: URL): Cookie {
	const secure = url.protocol === 'https:';
	return {
		name,
		value,
		attributes: { path: '/', httpOnly: true, sameSite: 'lax', secure, maxAge }
	};
}

/**
 * Finds the session of a request and updates the cookie if needed. Called by `handle`. The cookie of a session that has ended
 * stays: when the answer arrives, the browser may have that of another who has signed in meanwhile.
 */
export async function authenticate(
	auth: Pick<Auth, 'validate'>,
	{ cookies, url }: { cookies: CookieJar; url: URL }
): Promise<Session | null> {
	const token = cookies.get(SESSION_COOKIE);
	if (!token) return null;
	const session = await auth.validate(token);
	if (session?.fresh) put(cookies, sessionCookie(token, url));
	return session;
}

/** The part of Node's request that says where it comes from. */
export interface Visit {
	headers: IncomingHttpHeaders;
	socket: { remoteAddress?: string | undefined };
}

/** The part of a request that says something about its browser. */
interface BrowserRequest {
	cookies: CookieJar;
	request: Request;
	getClientAddress: () => string;
	/** Undefined in development. */
	platform: { req: Visit } | undefined;
}

/** Reads from a request what it says about its browser. */
export function readBrowser(
	auth: Pick<Auth, 'addressIsMissing'>,
	{ cookies, request, platform, getClientAddress }: BrowserRequest
): Browser {
	return {
		network: platform ? networkOfVisit(auth, platform.req) : networkOf(getClientAddress()),
		userAgent: request.headers.get('user-agent'),
		deviceToken: cookies.get(DEVICE_COOKIE) ?? null,
		sessionToken: cookies.get(SESSION_COOKIE) ?? null
	};
}

/**
 * Returns the visitor's network. When the address header is missing, it returns the network of the connection. A client
 * cannot choose that one, so it cannot pass a limit by leaving out the header. Users can still sign in, but all users behind
 * such a proxy count as one.
 */
export function networkOfVisit(
	auth: Pick<Auth, 'addressIsMissing'>,
	{ headers, socket }: Visit
): string {
	try {
		return networkOf(visitorAddress(headers, socket.remoteAddress));
	} catch (error) {
		auth.addressIsMissing(error);
		return networkOf(socket.remoteAddress ?? '');
	}
}

/**
 * Returns the value of a cookie in a `Cookie` header: the first with that name, not decoded, because our values need no
 * encoding.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6265#section-4.2.1
 */
export function cookieIn(header: string | undefined, name: string): string | undefined {
	for (const pair of header?.split(';') ?? []) {
		const at = pair.indexOf('=');
		if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
	}
	return undefined;
}

/** Sets the cookies after a successful sign-up or sign-in. */
export function rememberSignIn(
	{ cookies, url }: { cookies: CookieJar; url: URL },
	signedIn: SignedIn
): void {
	put(cookies, sessionCookie(signedIn.token, url));
	put(cookies, deviceCookie(signedIn.deviceToken, url));
}

/** Ends the session of a request, if there is one, and removes its cookie. */
export async function signOut(
	auth: Pick<Auth, 'signOut'>,
	{ cookies, url }: { cookies: CookieJar; url: URL }
): Promise<void> {
	const token = cookies.get(SESSION_COOKIE);
	if (token) await auth.signOut(token);
	put(cookies, blankSessionCookie(url));
}

function put(cookies: CookieJar, { name, value, attributes }: Cookie): void {
	cookies.set(name, value, attributes);
}
