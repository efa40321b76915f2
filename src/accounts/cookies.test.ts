import { describe, expect, it, vi } from 'vitest';
import type { Auth, Session } from './auth.ts';
import {
	authenticate,
	blankSessionCookie,
	deviceCookie,
	cookieIn,
	readBrowser,
	rememberSignIn,
	sessionCookie,
	signOut,
	type Cookie
} from './cookies.ts';

const HTTP = new URL('http://localhost:3000/login');
const HTTPS = new URL('https://logline.example/login');

/** The cookies of a browser, and the cookies set during the test. */
function jar(cookies: Record<string, string>) {
	const set: Cookie[] = [];
	return {
		set,
		cookies: {
			get: (name: string) => cookies[name],
			set: (name: string, value: string, attributes: Cookie['attributes']) => {
				set.push({ name, value, attributes });
			}
		}
	};
}

const session: Session = {
	user: { id: '1', name: 'ada' },
	sessionHash: 'hash',
	expiresAt: new Date(),
	fresh: false
};

/** Accounts that know only the token "good". */
function authWith(found: Session): Pick<Auth, 'validate' | 'signOut'> & { ended: string[] } {
	const ended: string[] = [];
	return {
		ended,
		validate: (token) => Promise.resolve(token === 'good' ? found : null),
		signOut: (token) => {
			ended.push(token);
			return Promise.resolve();
		}
	};
}

describe('the cookies of an account', () => {
	it('cannot be read by scripts, nor sent by other sites’ forms', () => {
		for (const { attributes } of [
			sessionCookie('t', HTTP),
			deviceCookie('t', HTTP),
			blankSessionCookie(HTTP)
		]) {
			expect(attributes).toMatchObject({ httpOnly: true, sameSite: 'lax', path: '/' });
		}
	});

	it('go over https only where there is https, so that signing in works on http://localhost', () => {
		expect(sessionCookie('t', HTTPS).attributes.secure).toBe(true);
		expect(deviceCookie('t', HTTPS).attributes.secure).toBe(true);
		expect(sessionCookie('t', HTTP).attributes.secure).toBe(false);
		expect(deviceCookie('t', HTTP).attributes.secure).toBe(false);
	});

	it('last 30 days for the session, 400 for the device', () => {
		expect(sessionCookie('t', HTTP)).toMatchObject({
			name: 'auth_session',
			attributes: { maxAge: 2_592_000 }
		});
		expect(deviceCookie('t', HTTP)).toMatchObject({
			name: 'device',
			attributes: { maxAge: 34_560_000 }
		});
	});
});

describe('a request', () => {
	it('with a valid cookie is signed in, and gets no cookie', async () => {
		const { cookies, set } = jar({ auth_session: 'good' });
		expect(await authenticate(authWith(session), { cookies, url: HTTP })).toBe(session);
		expect(set).toEqual([]);
	});

	it('whose session was renewed gets the same cookie for another 30 days', async () => {
		const { cookies, set } = jar({ auth_session: 'good' });
		await authenticate(authWith({ ...session, fresh: true }), { cookies, url: HTTP });
		expect(set).toEqual([sessionCookie('good', HTTP)]);
	});

	it('with a cookie that is no longer valid is nobody’s, and takes no cookie from who signs in before the answer', async () => {
		const { cookies, set } = jar({ auth_session: 'bad' });
		expect(await authenticate(authWith(session), { cookies, url: HTTP })).toBeNull();
		expect(set).toEqual([]);
	});

	it('without a cookie is nobody’s, and asks nobody', async () => {
		const { cookies, set } = jar({});
		expect(await authenticate(authWith(session), { cookies, url: HTTP })).toBeNull();
		expect(set).toEqual([]);
	});

	const come = (
		getClientAddress: () => string,
		platform?: Parameters<typeof readBrowser>[1]['platform']
	) => {
		const missing: unknown[] = [];
		const browser = readBrowser(
			{ addressIsMissing: (error) => missing.push(error) },
			{ cookies: jar({}).cookies, request: new Request(HTTP), getClientAddress, platform }
		);
		return { network: browser.network, missing };
	};

	it('comes from the network of its visitor', () => {
		expect(come(() => '2001:db8::7')).toEqual({ network: '2001:db8:0:0::/64', missing: [] });
	});

	it('without the header that tells the visitor’s address comes from whoever has connected, and the log is told', () => {
		vi.stubEnv('ADDRESS_HEADER', 'X-Forwarded-For');
		const visit = (headers: Record<string, string>) =>
			come(() => 'in development', { req: { headers, socket: { remoteAddress: '10.0.0.1' } } });
		expect(visit({ 'x-forwarded-for': '192.0.2.7' })).toEqual({
			network: '192.0.2.7',
			missing: []
		});
		const { network, missing } = visit({});
		expect(network).toBe('10.0.0.1');
		expect(missing).toHaveLength(1);
		vi.unstubAllEnvs();
	});

	it('that signs in gets both cookies', () => {
		const { cookies, set } = jar({});
		rememberSignIn({ cookies, url: HTTPS }, { user: session.user, token: 't', deviceToken: 'd' });
		expect(set).toEqual([sessionCookie('t', HTTPS), deviceCookie('d', HTTPS)]);
	});

	it('that signs out ends the session and keeps the device', async () => {
		const { cookies, set } = jar({ auth_session: 'good', device: 'd' });
		const auth = authWith(session);
		await signOut(auth, { cookies, url: HTTP });
		expect(auth.ended).toEqual(['good']);
		expect(set).toEqual([blankSessionCookie(HTTP)]);
		expect(set[0]).toMatchObject({ value: '', attributes: { maxAge: 0 } });
	});
});

describe('a header of cookies', () => {
	it('has the value of each name, the first where there are two', () => {
		const header = 'a=1; auth_session=t=k ;device=; auth_session=other; flag';
		expect(cookieIn(header, 'auth_session')).toBe('t=k');
		expect(cookieIn(header, 'device')).toBe('');
		expect(cookieIn(header, 'session')).toBeUndefined();
		expect(cookieIn(header, 'flag')).toBeUndefined();
		expect(cookieIn(undefined, 'a')).toBeUndefined();
	});
});
