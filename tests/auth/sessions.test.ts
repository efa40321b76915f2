import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../src/app/database.ts';
import { createTestDatabase } from '../support/database.ts';
import { newBrowser, PASSWORD, startAuth, wholeTables } from './accounts.ts';
import { sqlOn } from '../support/queryable.ts';

const DAY = 86_400_000;

let database: Database;
let drop: () => Promise<void>;

beforeAll(async () => {
	const test = await createTestDatabase();
	drop = () => test.drop();
	database = openDatabase(test.url);
});

afterAll(async () => {
	await database.end();
	await drop();
});

beforeEach(async () => {
	await sqlOn(database)`delete from users`;
});

async function signedUp(username = 'ada') {
	const { auth } = startAuth(database);
	return { auth, ...(await auth.signUp({ username, password: PASSWORD }, newBrowser())) };
}

/** Sets the expiry of all sessions, in days from now. */
async function setExpiry(days: number): Promise<void> {
	await sqlOn(database)`update sessions set expires_at = now() + ${days} * interval '1 day'`;
}

async function expiry(): Promise<number | null> {
	const [row] = await sqlOn(database)<{ expires_at: Date }[]>`select expires_at from sessions`;
	return row ? row.expires_at.getTime() - Date.now() : null;
}

describe('a session', () => {
	it('is found by the token its browser holds, and lasts 30 days', async () => {
		const { auth, token, user } = await signedUp();
		const session = await auth.validate(token);
		expect(session?.user).toEqual(user);
		expect(session?.user).toEqual({
			id: expect.stringMatching(/^[a-z2-7]{16}$/) as string,
			name: 'ada'
		});
		expect(session?.fresh).toBe(false);
		const left = await expiry();
		expect(left).toBeGreaterThan(30 * DAY - 60_000);
		expect(left).toBeLessThanOrEqual(30 * DAY);
	});

	it('is kept as a hash: whoever reads the tables can sign in as nobody', async () => {
		const { auth, token, deviceToken } = await signedUp();
		const hash = createHash('sha256').update(token).digest('hex');
		const tables = await wholeTables(database);
		expect(tables).toContain(hash);
		expect(tables).not.toContain(token);
		expect(tables).not.toContain(deviceToken);
		expect(tables).not.toContain(PASSWORD);
		expect(auth.hashToken(token)).toBe(hash);
		expect((await auth.validate(token))?.sessionHash).toBe(hash);
		expect(await auth.validate(hash)).toBeNull();
	});

	it('has a token nobody can guess', async () => {
		const { token, deviceToken } = await signedUp();
		const other = await signedUp('grace');
		expect(token).not.toBe(other.token);
		expect(deviceToken).not.toBe(other.deviceToken);
		// Base 32 and base 64: at least 128 bits each.
		expect(token).toMatch(/^[a-z2-7]{40}$/);
		expect(deviceToken).toMatch(/^[A-Za-z0-9_-]{22}$/);
	});

	it('used in its second half is renewed, and the cookie stays valid', async () => {
		const { auth, token } = await signedUp();
		await setExpiry(14);
		const renewed = await auth.validate(token);
		expect(renewed?.fresh).toBe(true);
		expect(renewed?.expiresAt.getTime()).toBeGreaterThan(Date.now() + 29 * DAY);
		expect(await expiry()).toBeGreaterThan(29 * DAY);
		// The same token again, as the browser sends it.
		expect((await auth.validate(token))?.user.name).toBe('ada');
		expect(await sqlOn(database)`select from sessions`).toHaveLength(1);
	});

	it('used in its first half is not written to', async () => {
		const { auth, token } = await signedUp();
		await setExpiry(16);
		expect((await auth.validate(token))?.fresh).toBe(false);
		expect(await expiry()).toBeLessThanOrEqual(16 * DAY);
	});

	it('that has expired is refused and deleted', async () => {
		const { auth, token } = await signedUp();
		await setExpiry(-0.001);
		expect(await auth.validate(token)).toBeNull();
		expect(await sqlOn(database)`select from sessions`).toHaveLength(0);
	});

	it.each(['', 'x', 'a'.repeat(40), "' or true --", 'ä', '0'.repeat(5000)])(
		'is not found by %j',
		async (token) => {
			const { auth } = await signedUp();
			expect(await auth.validate(token)).toBeNull();
		}
	);

	it('ends when its user signs out, and only that one', async () => {
		const { auth, token } = await signedUp();
		const other = await auth.signIn({ username: 'ada', password: PASSWORD }, newBrowser());
		await auth.signOut(token);
		expect(await auth.validate(token)).toBeNull();
		expect(await auth.validate(other.token)).not.toBeNull();
		// Signing out twice does no harm.
		await auth.signOut(token);
	});

	it('ends when its row is deleted by hand, or its user', async () => {
		const { auth, token } = await signedUp();
		const other = await auth.signIn({ username: 'ada', password: PASSWORD }, newBrowser());
		await sqlOn(database)`delete from sessions where id = ${auth.hashToken(token)}`;
		expect(await auth.validate(token)).toBeNull();
		await sqlOn(database)`delete from users`;
		expect(await auth.validate(other.token)).toBeNull();
	});

	it('of the same browser ends when somebody signs in there', async () => {
		const { auth, token, deviceToken } = await signedUp();
		const second = await auth.signIn(
			{ username: 'ada', password: PASSWORD },
			newBrowser({ sessionToken: token, deviceToken })
		);
		expect(second.token).not.toBe(token);
		expect(await auth.validate(token)).toBeNull();
		const third = await auth.signUp(
			{ username: 'grace', password: PASSWORD },
			newBrowser({ sessionToken: second.token, deviceToken })
		);
		expect(await auth.validate(second.token)).toBeNull();
		expect((await auth.validate(third.token))?.user.name).toBe('grace');
	});

	it('stays when a sign-in over it fails', async () => {
		const { auth, token } = await signedUp();
		await expect(
			auth.signIn(
				{ username: 'ada', password: 'wrong password' },
				newBrowser({ sessionToken: token })
			)
		).rejects.toThrow();
		expect(await auth.validate(token)).not.toBeNull();
	});

	it('is never one that the browser brought along', async () => {
		const { auth } = await signedUp();
		const planted = 'a'.repeat(40);
		const { token } = await auth.signIn(
			{ username: 'ada', password: PASSWORD },
			newBrowser({ sessionToken: planted })
		);
		expect(token).not.toBe(planted);
		expect(await auth.validate(planted)).toBeNull();
	});

	it('remembers the browser as it named itself, shortened', async () => {
		const { auth } = startAuth(database);
		const credentials = { username: 'ada', password: PASSWORD };
		await auth.signUp(credentials, newBrowser({ userAgent: 'x'.repeat(5000) }));
		await auth.signIn(credentials, newBrowser({ userAgent: null }));
		const rows = await sqlOn(database)`select user_agent from sessions order by created_at`;
		expect(rows.map((row) => row.user_agent)).toEqual(['x'.repeat(200), null]);
	});

	it('that nobody came back to is deleted with all whose time is over', async () => {
		const { auth } = await signedUp();
		await setExpiry(-1);
		const { token } = await signedUp('grace');
		await auth.endExpiredSessions();
		expect(await sqlOn(database)`select from sessions`).toHaveLength(1);
		expect(await auth.validate(token)).not.toBeNull();
	});
});
