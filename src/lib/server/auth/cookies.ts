/** The two cookies of an account, and what requests and responses do with them. */
import { SESSION_SECONDS, type Auth, type Session, type SignedIn } from './auth.ts';
import type { Browser } from './browser.ts';

/** Holds the session's token. */
export const SESSION_COOKIE = 'auth_session';
/** Tells one browser from another, so that its user hears of a sign-in from a new one. */
export const DEVICE_COOKIE = 'device';

/** Browsers keep no cookie longer than 400 days: RFC 6265bis, section 5.5. */
const DEVICE_SECONDS = 400 * 86_400;

/** A cookie as `event.cookies.set(name, value, attributes)` takes it. */
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

/** The part of SvelteKit's `Cookies` that is needed here. */
export interface CookieJar {
	get(name: string): string | undefined;
	set(name: string, value: string, attributes: Cookie['attributes']): void;
}

/** The cookie that keeps a session. `url` is the request's: over http `Secure` would make browsers drop it. */
export function sessionCookie(token: string, url: URL): Cookie {
	return cookie(SESSION_COOKIE, token, SESSION_SECONDS, url);
}

/** The cookie that removes the one of the session. */
export function blankSessionCookie(url: URL): Cookie {
	return cookie(SESSION_COOKIE, '', 0, url);
}

/** The cookie that makes a browser known. */
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

/** What `handle` does with a request: finds its session, and keeps the cookie in step with it. */
export async function authenticate(
	auth: Auth,
	{ cookies, url }: { cookies: CookieJar; url: URL }
): Promise<Session | null> {
	const token = cookies.get(SESSION_COOKIE);
	if (!token) return null;
	const session = await auth.validate(token);
	if (!session) put(cookies, blankSessionCookie(url));
	else if (session.fresh) put(cookies, sessionCookie(token, url));
	return session;
}

/** What a request tells of its browser. */
export function readBrowser({
	cookies,
	request
}: {
	cookies: CookieJar;
	request: Request;
}): Browser {
	return {
		userAgent: request.headers.get('user-agent'),
		deviceToken: cookies.get(DEVICE_COOKIE) ?? null,
		sessionToken: cookies.get(SESSION_COOKIE) ?? null
	};
}

/** Answers a successful sign-up or sign-in. */
export function rememberSignIn(
	{ cookies, url }: { cookies: CookieJar; url: URL },
	signedIn: SignedIn
): void {
	put(cookies, sessionCookie(signedIn.token, url));
	put(cookies, deviceCookie(signedIn.deviceToken, url));
}

/** Ends the session of a request, if it has one, and removes its cookie. */
export async function signOut(
	auth: Auth,
	{ cookies, url }: { cookies: CookieJar; url: URL }
): Promise<void> {
	const token = cookies.get(SESSION_COOKIE);
	if (token) await auth.signOut(token);
	put(cookies, blankSessionCookie(url));
}

function put(cookies: CookieJar, { name, value, attributes }: Cookie): void {
	cookies.set(name, value, attributes);
}
