import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { NewDevice } from '../../src/accounts/auth.ts';
import { createPasswords, passwords } from '../../src/accounts/passwords.ts';
import { openDatabase, type Database } from '../../src/app/database.ts';
import { createTestDatabase } from '../support/database.ts';
import { CHROME, newBrowser, PASSWORD, startAuth } from './accounts.ts';
import { sqlOn } from '../support/queryable.ts';

const ADA = { username: 'ada', password: PASSWORD };

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
	await sqlOn(database)`delete from rate_limits`;
});

describe('signing up', () => {
	it('makes an account whose password only its owner knows', async () => {
		const { auth } = startAuth(database);
		const { user } = await auth.signUp(ADA, newBrowser());
		const [row] = await sqlOn(database)<{ id: string; password_hash: string }[]>`
			select id, password_hash from users where username = 'ada'`;
		expect(row?.id).toBe(user.id);
		expect(row?.password_hash).toMatch(/^\$argon2id\$/);
		expect((await auth.signIn(ADA, newBrowser())).user).toEqual(user);
	});

	it('keeps the user name as it was typed, and finds it however it is typed', async () => {
		const { auth } = startAuth(database);
		await auth.signUp({ username: 'Ada.L', password: PASSWORD }, newBrowser());
		const { user } = await auth.signIn({ username: ' aDA.l ', password: PASSWORD }, newBrowser());
		expect(user.name).toBe('Ada.L');
	});

	it.each(['ada', 'ADA', ' Ada '])('refuses %j when there is an "ada"', async (username) => {
		const { auth } = startAuth(database);
		await auth.signUp(ADA, newBrowser());
		await expect(
			auth.signUp({ username, password: 'another password' }, newBrowser())
		).rejects.toMatchObject({
			code: 'username_taken',
			status: 400,
			problems: { username: expect.stringContaining('taken') as string }
		});
		expect(await sqlOn(database)`select from users`).toHaveLength(1);
		expect(await sqlOn(database)`select from sessions`).toHaveLength(1);
		await auth.signIn(ADA, newBrowser());
	});

	it('gives a name that several want at once to exactly one of them', async () => {
		const { auth } = startAuth(database);
		const attempts = await Promise.allSettled(
			['ada', 'Ada', 'ADA', 'adA', 'aDa', 'ada'].map((username, n) =>
				auth.signUp({ username, password: `password ${n}` }, newBrowser())
			)
		);
		const lost = attempts.filter((attempt) => attempt.status === 'rejected');
		expect(lost).toHaveLength(5);
		for (const { reason } of lost) expect(reason).toMatchObject({ code: 'username_taken' });
		expect(await sqlOn(database)`select from users`).toHaveLength(1);
		expect(await sqlOn(database)`select from sessions`).toHaveLength(1);
	});

	it('with bad input changes nothing', async () => {
		const { auth } = startAuth(database);
		await expect(
			auth.signUp({ username: 'a b', password: 'short' }, newBrowser())
		).rejects.toMatchObject({ code: 'invalid_credentials', status: 400 });
		expect(await sqlOn(database)`select from users`).toHaveLength(0);
	});
});

describe('signing in', () => {
	it('answers an unknown user and a wrong password alike, after the same work', async () => {
		const compared: Array<string | null> = [];
		const { auth } = startAuth(database, {
			passwords: {
				hash: passwords.hash,
				verify: (hash, password) => {
					compared.push(hash);
					return passwords.verify(hash, password);
				}
			}
		});
		await auth.signUp(ADA, newBrowser());
		const attempt = (username: string) =>
			auth
				.signIn({ username, password: 'wrong password' }, newBrowser())
				.catch((error: unknown) => error);
		const wrong = await attempt('ada');
		const unknown = await attempt('nobody');
		expect(wrong).toMatchObject({ code: 'wrong_credentials', status: 400 });
		expect(unknown).toEqual(wrong);
		expect(unknown).toMatchObject({ problems: (wrong as { problems: unknown }).problems });
		// One comparison for each. null stands for the hash that no password matches.
		expect(compared).toEqual([expect.stringMatching(/^\$argon2id\$/), null]);
		expect(await sqlOn(database)`select from sessions`).toHaveLength(1);
	});

	it('under a flood is refused with a time to come back, and holds nothing up afterwards', async () => {
		const { auth } = startAuth(database, {
			passwords: createPasswords(undefined, { atOnce: 1, waiting: 0 })
		});
		// Different accounts and networks: attempts on one account, or from one network, run one after the other anyway.
		const people = [
			ADA,
			...['bea', 'cat', 'dan', 'eva', 'fay'].map((username) => ({ ...ADA, username }))
		];
		for (const person of people) await auth.signUp(person, newBrowser());
		const attempts = await Promise.allSettled(
			people.map((person, n) => auth.signIn(person, newBrowser({ network: `198.51.100.${n}` })))
		);
		const refused = attempts.filter((attempt) => attempt.status === 'rejected');
		expect(refused.length).toBeGreaterThan(0);
		expect(refused.length).toBeLessThan(people.length);
		for (const { reason } of refused) expect(reason).toMatchObject({ code: 'busy', status: 503 });
		await auth.signIn(ADA, newBrowser());
	});

	it('leaves no secret in the log, not even when it fails', async () => {
		const { auth, lines } = startAuth(database, {
			onNewDevice: () => Promise.reject(new Error('the log is away'))
		});
		const up = await auth.signUp(ADA, newBrowser());
		const hash = (await sqlOn(database)`select password_hash from users`)[0]
			?.password_hash as string;
		const second = await auth.signIn(ADA, newBrowser());
		await sqlOn(database)`delete from devices`;
		await sqlOn(database)`
			create function refuse_devices() returns trigger language plpgsql as
				$$ begin raise exception 'devices are away'; end $$`;
		await sqlOn(database)`
			create trigger away before insert on devices execute function refuse_devices()`;
		const third = await auth
			.signIn(ADA, newBrowser())
			.finally(() => sqlOn(database)`drop function refuse_devices cascade`);
		const log = lines.join('\n');
		expect(log).toContain('signed up');
		expect(log).toContain('the log is away');
		expect(log).toContain('devices are away');
		for (const { token, deviceToken } of [up, second, third]) {
			for (const secret of [token, deviceToken]) {
				expect(log).not.toContain(secret);
				expect(log).not.toContain(auth.hashToken(secret));
			}
		}
		expect(log).not.toContain(PASSWORD);
		expect(log).not.toContain(hash);
	});
});

describe('a sign-in from a new device', () => {
	/** Creates accounts that record their notices. */
	function startTelling() {
		const told: NewDevice[] = [];
		const onNewDevice = (device: NewDevice) => {
			told.push(device);
			return Promise.resolve();
		};
		return { ...startAuth(database, { onNewDevice }), told };
	}

	it('is told to its user, with the browser in words', async () => {
		const { auth, told } = startTelling();
		const { user } = await auth.signUp(ADA, newBrowser());
		expect(told).toEqual([]);
		await auth.signIn(ADA, newBrowser({ userAgent: CHROME }));
		expect(told).toEqual([
			{
				user,
				description: 'Chrome on Windows',
				key: expect.stringContaining(user.id) as string
			}
		]);
	});

	it('is told once: the next time the device is known, also under another account', async () => {
		const { auth, told } = startTelling();
		const { deviceToken } = await auth.signUp(ADA, newBrowser());
		const other = await auth.signIn(ADA, newBrowser());
		expect(other.deviceToken).not.toBe(deviceToken);
		await auth.signIn(ADA, newBrowser({ deviceToken }));
		await auth.signIn(ADA, newBrowser({ deviceToken: other.deviceToken }));
		expect(told).toHaveLength(1);
		const grace = { username: 'grace', password: PASSWORD };
		const up = await auth.signUp(grace, newBrowser({ deviceToken }));
		expect(up.deviceToken).toBe(deviceToken);
		expect(told).toHaveLength(1);
		await auth.signIn(grace, newBrowser({ deviceToken: other.deviceToken }));
		expect(told.map(({ user }) => user.name)).toEqual(['ada', 'grace']);
	});

	it('is not told to a user of whom no device is known yet', async () => {
		const { auth, told } = startTelling();
		await auth.signUp(ADA, newBrowser());
		await sqlOn(database)`delete from devices`;
		await auth.signIn(ADA, newBrowser());
		expect(told).toEqual([]);
	});

	it('is told at the next sign-in from there when it could not be told at once, with the same key', async () => {
		const keys: string[] = [];
		const { auth } = startAuth(database, {
			onNewDevice: ({ key }) => {
				keys.push(key);
				return keys.length === 1 ? Promise.reject(new Error('away')) : Promise.resolve();
			}
		});
		await auth.signUp(ADA, newBrowser());
		const { deviceToken, token } = await auth.signIn(ADA, newBrowser());
		expect(await auth.validate(token)).not.toBeNull();
		for (let n = 0; n < 3; n++) await auth.signIn(ADA, newBrowser({ deviceToken }));
		expect(keys).toHaveLength(2);
		expect(keys[1]).toBe(keys[0]);
	});

	it.each(['', 'short', 'x'.repeat(5000), '../../../etc/passwd!!'])(
		'that calls itself %j gets a token of ours',
		async (deviceToken) => {
			const { auth } = startTelling();
			const up = await auth.signUp(ADA, newBrowser({ deviceToken }));
			expect(up.deviceToken).toMatch(/^[A-Za-z0-9_-]{22}$/);
			expect(up.deviceToken).not.toBe(deviceToken);
		}
	);
});
