import { describe, expect, it } from 'vitest';
import { createPasswords } from '../../src/accounts/passwords.ts';
import { newBrowser, PASSWORD } from './accounts.ts';
import { ADA, refusal, TwoServers } from './two-servers.ts';

const servers = TwoServers.forEachTest();
const { elsewhere } = servers;
const RIGHT = { password: PASSWORD };

/** Real hashing: with its duration, attempts overlap. */
const slowly = () => servers.restart(createPasswords());

describe('right passwords', () => {
	it('from one network are never refused, sixteen of sixteen at once', async () => {
		slowly();
		const names = Array.from({ length: 16 }, (_, n) => `user${n}`);
		for (const username of names) {
			await servers.one.signUp({ username, password: PASSWORD }, newBrowser());
		}
		const network = elsewhere();
		// One wrong guess fewer than the limit.
		for (let n = 0; n < 9; n++) await refusal(servers.one, 'user0', network);
		const answers = await Promise.all(
			names.map((username) => refusal(servers.one, username, network, RIGHT))
		);
		expect(answers).toEqual(names.map(() => null));
	});

	it('on known devices are never refused, nor told to wait, while strangers queue for the account', async () => {
		slowly();
		const { deviceToken } = await servers.one.signUp(ADA, newBrowser());
		const strangers = Array.from({ length: 60 }, () => refusal(servers.one, 'ada', elsewhere()));
		const owner = refusal(servers.one, 'ada', elsewhere(), { ...RIGHT, deviceToken });
		expect(await owner).toBeNull();
		const answers = await Promise.all(strangers);
		expect(answers.filter((answer) => answer?.code === 'busy').length).toBeGreaterThan(0);
	});

	it('on known devices are never refused, nor told to wait, while guesses queue in their own network', async () => {
		slowly();
		const { deviceToken } = await servers.one.signUp(ADA, newBrowser());
		const network = elsewhere();
		const guesses = Array.from({ length: 60 }, (_, n) => refusal(servers.one, `user${n}`, network));
		servers.one.turnAway('signIn', newBrowser({ network, deviceToken }));
		const owner = refusal(servers.one, 'ada', network, { ...RIGHT, deviceToken });
		expect(await owner).toBeNull();
		const answers = await Promise.all(guesses);
		expect(answers.filter((answer) => answer?.code === 'busy').length).toBeGreaterThan(0);
	});

	it('are taken after any number of attempts that nobody had the time to look at', async () => {
		await servers.one.signUp(ADA, newBrowser());
		let release = () => {};
		const held = new Promise<string>((resolve) => (release = () => resolve('')));
		const passwords = createPasswords(
			{
				hash: () => held,
				verify: (hash, password) => Promise.resolve(hash === `hash of ${password}`)
			},
			{ atOnce: 1, waiting: 0 }
		);
		servers.restart(passwords);
		const occupied = passwords.hash('x');
		const network = elsewhere();
		for (let n = 0; n < 20; n++) {
			expect(await refusal(servers.one, 'ada', network)).toMatchObject({ code: 'busy' });
		}
		release();
		await occupied;
		expect(await refusal(servers.one, 'ada', network, RIGHT)).toBeNull();
	});
});

describe('wrong passwords from one network', () => {
	it('keep nobody else out', async () => {
		slowly();
		await servers.one.signUp(ADA, newBrowser());
		const network = elsewhere();
		const flood = Array.from({ length: 375 }, (_, n) => refusal(servers.one, `user${n}`, network));
		const owners = Array.from({ length: 16 }, () =>
			refusal(servers.one, 'ada', elsewhere(), RIGHT)
		);
		expect((await Promise.all(owners)).filter(Boolean)).toEqual([]);
		for (const answer of await Promise.all(flood)) {
			// One is tried, 20 wait, and the rest get "busy". Of the 21, eleven exceed the limit.
			expect(['wrong_credentials', 'too_many_attempts', 'busy']).toContain(answer?.code);
		}
	});

	it('are turned away before their form is read: while they queue, and once they were too many', async () => {
		slowly();
		const network = elsewhere();
		const turnAway = () => servers.one.turnAway('signIn', newBrowser({ network }));
		turnAway();
		const flood = Array.from({ length: 21 }, (_, n) => refusal(servers.one, `user${n}`, network));
		expect(turnAway).toThrow('Too many people are signing in');
		servers.one.turnAway('signIn', newBrowser({ network: elsewhere() }));
		await Promise.all(flood);
		expect(turnAway).toThrow('Too many attempts to sign in');
		servers.one.turnAway('signIn', newBrowser({ network: elsewhere() }));
	});

	it('with cookies that no device was given are turned away after ten', async () => {
		const network = elsewhere();
		for (let n = 0; n < 11; n++) await refusal(servers.one, `user${n}`, network);
		const forge = (n: number) => `${n}`.padStart(22, 'x');
		const turnAway = (n: number) =>
			servers.one.turnAway('signIn', newBrowser({ network, deviceToken: forge(n) }));
		for (let n = 0; n < 11; n++) {
			turnAway(n);
			const answer = await refusal(servers.one, 'ada', network, { deviceToken: forge(n) });
			expect(answer).toMatchObject({ code: 'too_many_attempts' });
		}
		expect(() => turnAway(11)).toThrow('Too many attempts to sign in');
	});
});
