import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { createPasswords, passwords, type HashFunctions } from './passwords.ts';

/** Hash functions that end when the test says so. They count how many run at once. */
function slowHashing() {
	const running: Array<() => void> = [];
	let most = 0;
	const functions: HashFunctions = {
		hash: (password) =>
			new Promise((resolve) => {
				running.push(() => resolve(`hash of ${password}`));
				most = Math.max(most, running.length);
			}),
		verify: () => Promise.reject(new Error('out of memory'))
	};
	return {
		functions,
		get running() {
			return running.length;
		},
		get most() {
			return most;
		},
		/** Ends the oldest running hash. */
		endOne: () => running.shift()?.()
	};
}

/** Lets all pending callbacks run. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('a password at rest', () => {
	it('is Argon2id with 19 MiB, two passes and one lane', async () => {
		const stored = await passwords.hash('correct horse');
		expect(stored).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
		expect(stored).not.toContain('correct horse');
		expect(await passwords.hash('correct horse')).not.toBe(stored);
	});

	it('is recognised, and no other is', async () => {
		const stored = await passwords.hash('correct horse');
		expect(await passwords.verify(stored, 'correct horse')).toBe(true);
		expect(await passwords.verify(stored, 'correct Horse')).toBe(false);
		expect(await passwords.verify(stored, '')).toBe(false);
	});

	it('is the same however the keyboard composes its accents', async () => {
		const stored = await passwords.hash('caf\u00e9 noir');
		expect(await passwords.verify(stored, 'cafe\u0301 noir')).toBe(true);
	});
});

describe('a user who does not exist', () => {
	it('has no password, even if hashing says that it fits', async () => {
		const asked: string[] = [];
		const always = createPasswords({
			hash: () => Promise.resolve(''),
			verify: (hash) => {
				asked.push(hash);
				return Promise.resolve(true);
			}
		});
		expect(await always.verify(null, 'correct horse')).toBe(false);
		// Compared with a hash of the same cost, so that the response time does not reveal whether the user exists.
		expect(asked).toHaveLength(1);
		expect(asked[0]).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$.{22}\$.{43}$/);
	});

	it('costs a real computation', async () => {
		await expect(passwords.verify(null, 'correct horse')).resolves.toBe(false);
	});
});

describe('a flood of sign-ins', () => {
	it('runs two hashes at once and no more, and serves all who wait, in order', async () => {
		const hashing = slowHashing();
		const bounded = createPasswords(hashing.functions, { atOnce: 2 });
		const served: number[] = [];
		const all = Array.from({ length: 20 }, (_, n) =>
			bounded.hash(`password ${n}`).then(() => served.push(n))
		);
		for (let n = 0; n < 20; n++) {
			await turn();
			expect(hashing.running).toBe(Math.min(2, 20 - n));
			hashing.endOne();
		}
		await Promise.all(all);
		expect(hashing.most).toBe(2);
		expect(served).toEqual(Array.from({ length: 20 }, (_, n) => n));
	});

	it('leaves a core to everything else, where there is more than one', async () => {
		const hashing = slowHashing();
		const passwords = createPasswords(hashing.functions);
		const all = Array.from({ length: 8 }, (_, n) => passwords.hash(`password ${n}`));
		await turn();
		const most = hashing.running;
		expect(most).toBeGreaterThan(0);
		expect(most === 1 || most < availableParallelism()).toBe(true);
		for (let n = 0; n < 8; n++) {
			hashing.endOne();
			await turn();
		}
		await Promise.all(all);
		expect(hashing.most).toBe(most);
	});

	it('turns people away with a time to come back, when too many wait', async () => {
		const hashing = slowHashing();
		const bounded = createPasswords(hashing.functions, { atOnce: 1, waiting: 2 });
		const admitted = [bounded.hash('a'), bounded.hash('b'), bounded.hash('c')];
		await expect(bounded.hash('d')).rejects.toMatchObject({
			code: 'busy',
			status: 503,
			retryAfter: expect.any(Number) as number
		});
		for (let n = 0; n < 3; n++) {
			hashing.endOne();
			await turn();
		}
		expect(await Promise.all(admitted)).toEqual(['hash of a', 'hash of b', 'hash of c']);
		// The places are free again.
		const late = bounded.hash('e');
		await turn();
		hashing.endOne();
		expect(await late).toBe('hash of e');
	});

	it('from one network keeps nobody else out: the networks are served in turn', async () => {
		const hashing = slowHashing();
		const bounded = createPasswords(hashing.functions, { atOnce: 2, inLine: 20 });
		const served: string[] = [];
		const ask = (name: string, line: string) =>
			bounded.hash(name, line).then(() => served.push(name));
		// 375 at once: two run, 20 wait, and the rest are refused.
		const flood = Array.from({ length: 375 }, (_, n) => ask(`flood ${n}`, '192.0.2.7'));
		const owners = Array.from({ length: 16 }, (_, n) => ask(`owner ${n}`, `198.51.100.${n}`));
		const refused = Promise.allSettled(flood);
		for (let n = 0; n < 22 + 16; n++) {
			await turn();
			hashing.endOne();
		}
		await Promise.all(owners);
		expect((await refused).filter(({ status }) => status === 'rejected')).toHaveLength(375 - 22);
		// After the two that ran, and the one whose turn it was.
		expect(served.slice(3, 19)).toEqual(owners.map((_, n) => `owner ${n}`));
	});

	it('loses no place to a hash that fails', async () => {
		const hashing = slowHashing();
		const bounded = createPasswords(hashing.functions, { atOnce: 1, waiting: 5 });
		for (let n = 0; n < 3; n++) {
			await expect(bounded.verify('x', 'a')).rejects.toThrow('out of memory');
		}
		const next = bounded.hash('b');
		await turn();
		hashing.endOne();
		expect(await next).toBe('hash of b');
	});
});
