import { describe, expect, it } from 'vitest';
import type { Auth } from '../../src/accounts/auth.ts';
import { forgetRateLimits } from '../../src/accounts/throttle.ts';
import { startAppServer } from '../support/app-server.ts';
import { until } from '../support/until.ts';
import { newBrowser, PASSWORD } from './accounts.ts';
import { ADA, refusal, TwoServers } from './two-servers.ts';
import { sqlOn } from '../support/queryable.ts';

const REFUSED = {
	code: 'too_many_attempts',
	status: 429,
	message: expect.stringMatching(/^Too many attempts to sign in\. Try again in /) as string
};
const RIGHT = { password: PASSWORD };

const servers = TwoServers.forEachTest();
const { elsewhere } = servers;

describe('wrong passwords', () => {
	it('for one account: ten a minute, then 429, over two servers', async () => {
		await servers.one.signUp(ADA, newBrowser());
		await servers.attack(['ada', ' ADA ']);
		for (const auth of [servers.one, servers.other, servers.one]) {
			const refused = await refusal(auth, 'ada', elsewhere(), RIGHT);
			expect(refused).toMatchObject(REFUSED);
			expect(refused?.retryAfter).toBeGreaterThan(0);
			expect(refused?.retryAfter).toBeLessThanOrEqual(60);
		}
		// Other users can still sign in.
		await servers.one.signUp({ username: 'grace', password: PASSWORD }, newBrowser());
		expect(await refusal(servers.other, 'grace', elsewhere(), RIGHT)).toBeNull();
	});

	it('for a name that nobody has are refused alike, so that the answer tells nothing', async () => {
		await servers.attack(['nobody']);
		expect(await refusal(servers.one, 'nobody', elsewhere())).toMatchObject(REFUSED);
	});

	it('for one name in two spellings are for one account: K (U+212A) is k', async () => {
		const [row] = await sqlOn(servers.database)`select lower(${'\u212a'}) as k`;
		expect(row?.k, 'the database of the tests compares names as people read them').toBe('k');
		await servers.one.signUp({ username: 'kim', password: PASSWORD }, newBrowser());
		await servers.attack(['kim', '\u212aim', 'KIM']);
		expect(await refusal(servers.one, 'kim', elsewhere(), RIGHT)).toMatchObject(REFUSED);
		expect(await refusal(servers.other, '\u212aim', elsewhere(), RIGHT)).toMatchObject(REFUSED);
	});

	it('for one name in two spellings that JavaScript would take for two are for one account: İ (U+0130) is i', async ({
		skip
	}) => {
		const [row] = await sqlOn(servers.database)`select lower(${'\u0130'}) as i`;
		skip(row?.i !== 'i', 'the database of the tests takes them for two, as well');
		await servers.one.signUp({ username: 'ida', password: PASSWORD }, newBrowser());
		await servers.attack(['ida', '\u0130da']);
		expect(await refusal(servers.one, 'ida', elsewhere(), RIGHT)).toMatchObject(REFUSED);
		expect(await refusal(servers.other, '\u0130da', elsewhere(), RIGHT)).toMatchObject(REFUSED);
	});

	it('are as many as the operator allows', async () => {
		servers.restart(undefined, { LOGIN_ATTEMPTS_PER_MINUTE: '3' });
		for (let n = 0; n < 3; n++) {
			const answer = await refusal(servers.one, 'nobody', elsewhere());
			expect(answer).toMatchObject({ code: 'wrong_credentials' });
		}
		expect(await refusal(servers.one, 'nobody', elsewhere())).toMatchObject(REFUSED);
	});

	it('from one network: ten a minute, whatever the account, over two servers', async () => {
		await servers.one.signUp(ADA, newBrowser());
		const network = elsewhere();
		for (let n = 0; n < 10; n++)
			await refusal(n % 2 ? servers.one : servers.other, `user${n}`, network);
		for (const auth of [servers.one, servers.other]) {
			expect(await refusal(auth, 'ada', network, RIGHT)).toMatchObject(REFUSED);
		}
		expect(await refusal(servers.one, 'ada', elsewhere(), RIGHT)).toBeNull();
	});

	it('are not made good by signing in to an account of one’s own in between', async () => {
		await servers.one.signUp({ username: 'mallory', password: PASSWORD }, newBrowser());
		const network = elsewhere();
		for (let n = 0; n < 10; n++) {
			await refusal(servers.one, `user${n}`, network);
			await refusal(servers.one, 'mallory', network, RIGHT);
		}
		expect(await refusal(servers.one, 'user0', network)).toMatchObject(REFUSED);
	});

	it('may be tried again when the minute is over, and the counts are deleted', async () => {
		const { database } = servers;
		await servers.one.signUp(ADA, newBrowser());
		await servers.attack(['ada']);
		expect(await refusal(servers.one, 'ada', elsewhere())).toMatchObject(REFUSED);
		const kept = await sqlOn(database)`select key, points, expire from rate_limits`;
		expect(JSON.stringify(kept)).not.toMatch(/ada|198\.51/);
		await forgetRateLimits(database.background);
		expect(await sqlOn(database)`select from rate_limits`).toHaveLength(kept.length);
		await sqlOn(database)`update rate_limits set expire = expire - 3600000`;
		// Another server, which has refused nobody itself.
		expect(await refusal(servers.other, 'ada', elsewhere(), RIGHT)).toBeNull();
		await forgetRateLimits(database.background);
		// The counts of the last attempt: its network and its account.
		expect(await sqlOn(database)`select from rate_limits`).toHaveLength(2);
	});
});

describe('the owner of an account', () => {
	it('on a known device signs in while a stranger attacks the account', async () => {
		const { deviceToken } = await servers.one.signUp(ADA, newBrowser());
		await servers.attack(['ada']);
		const network = elsewhere();
		for (const auth of [servers.one, servers.other]) {
			expect(await refusal(auth, 'ada', network, RIGHT)).toMatchObject(REFUSED);
			await auth.signIn(ADA, newBrowser({ network, deviceToken }));
		}
	});

	it('on a known device signs in while their own network is refused', async () => {
		const { deviceToken } = await servers.one.signUp(ADA, newBrowser());
		const network = elsewhere();
		for (let n = 0; n < 11; n++) await refusal(servers.one, `user${n}`, network);
		await servers.one.signIn(ADA, newBrowser({ network, deviceToken }));
	});

	it('is asked for no more than ten passwords a minute on a known device, either', async () => {
		const { deviceToken } = await servers.one.signUp(ADA, newBrowser());
		const wrong = { ...ADA, password: 'wrong horse' };
		const attempt = (auth: Auth) =>
			auth.signIn(wrong, newBrowser({ network: elsewhere(), deviceToken }));
		for (let n = 0; n < 10; n++) {
			await expect(attempt(n % 2 ? servers.one : servers.other)).rejects.toMatchObject({
				status: 400
			});
		}
		await expect(attempt(servers.one)).rejects.toMatchObject(REFUSED);
		await expect(attempt(servers.other)).rejects.toMatchObject(REFUSED);
	});

	it('on a device that others use, too, signs in while one of those is refused there', async () => {
		const { deviceToken } = await servers.one.signUp(ADA, newBrowser());
		await servers.one.signUp({ username: 'bob', password: PASSWORD }, newBrowser({ deviceToken }));
		const network = elsewhere();
		for (let n = 0; n < 11; n++) await refusal(servers.one, 'bob', network, { deviceToken });
		const bob = await refusal(servers.one, 'bob', network, { ...RIGHT, deviceToken });
		expect(bob).toMatchObject(REFUSED);
		expect(await refusal(servers.one, 'ada', network, { ...RIGHT, deviceToken })).toBeNull();
	});
});

describe('the counts', () => {
	it('are deleted by every server that runs, and no attempt waits for the disk', async () => {
		const sql = sqlOn(servers.database);
		const [table] = await sql`select relpersistence from pg_class where relname = 'rate_limits'`;
		expect(table?.relpersistence, 'unlogged').toBe('u');
		await sql`insert into rate_limits values ('sign-in:old', 1, 0)`;
		const server = await startAppServer(servers.test.url);
		await until(async () => (await sql`select from rate_limits`).length === 0, {
			what: 'what is old is gone'
		});
		await server.stop();
	});
});

describe('accounts', () => {
	it('are made thirty times in ten minutes from one network, then 429, over two servers', async () => {
		const both = [servers.one, servers.other];
		const network = elsewhere();
		const signUp = (n: number, from: string) =>
			both[n % 2]!.signUp(
				{ username: `user${n}`, password: PASSWORD },
				newBrowser({ network: from })
			);
		// Errors in the form itself do not count.
		await expect(
			servers.one.signUp({ username: 'x', password: 'x' }, newBrowser({ network }))
		).rejects.toThrow();
		for (let n = 0; n < 29; n++) await signUp(n, network);
		// A name that is taken counts: trying names reveals which users exist.
		await expect(signUp(0, network)).rejects.toMatchObject({ code: 'username_taken' });
		for (const n of [30, 31, 32]) {
			await expect(signUp(n, network)).rejects.toMatchObject({
				code: 'too_many_signups',
				status: 429,
				message: expect.stringContaining('Try again in 10 minutes') as string,
				retryAfter: expect.any(Number) as number
			});
		}
		await signUp(33, elsewhere());
		expect(await sqlOn(servers.database)`select from users`).toHaveLength(30);
	});

	it('are as many as the operator allows', async () => {
		servers.restart(undefined, { SIGNUPS_PER_10_MINUTES: '2' });
		const network = elsewhere();
		const signUp = (username: string) =>
			servers.one.signUp({ username, password: PASSWORD }, newBrowser({ network }));
		await signUp('ada');
		await signUp('bob');
		await expect(signUp('eve')).rejects.toMatchObject({ code: 'too_many_signups' });
		// The next time, it is refused without reading the form.
		expect(() => servers.one.turnAway('signUp', newBrowser({ network }))).toThrow(
			'Too many accounts'
		);
		servers.one.turnAway('signIn', newBrowser({ network }));
		servers.one.turnAway('signUp', newBrowser({ network: elsewhere() }));
	});
});
