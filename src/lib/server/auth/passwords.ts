/** Password hashing: Argon2id, few at a time. */
import { hash, verify } from '@node-rs/argon2';
import { LoglineError } from '$lib/protocol';

// OWASP, Password Storage Cheat Sheet: Argon2id with 19 MiB, two passes, one lane.
const MEMORY_KIB = 19_456;
const PASSES = 2;
const LANES = 1;

/** A hash that no password has, at the price of a real one: what an unknown user's password is compared with. */
const NOBODY = `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=${LANES}$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/** The slow functions; replaced in tests. */
export interface HashFunctions {
	hash(password: string): Promise<string>;
	verify(hash: string, password: string): Promise<boolean>;
}

const argon2id: HashFunctions = {
	hash: (password) =>
		// 2 is Argon2id.
		// eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- the enum exists only in the package's types
		hash(password, { algorithm: 2, memoryCost: MEMORY_KIB, timeCost: PASSES, parallelism: LANES }),
	verify
};

/** Hashes and compares passwords. */
export interface Passwords {
	/** @throws LoglineError `busy` (503) when too many wait already. */
	hash(password: string): Promise<string>;
	/**
	 * @param hash what is stored, or null for a user who does not exist: the answer is then false, after the same work.
	 * @throws LoglineError `busy` (503) when too many wait already.
	 */
	verify(hash: string | null, password: string): Promise<boolean>;
}

/**
 * A hash takes about 40 ms of a thread that file and DNS work need too, and 19 MiB. So few run at once, and few wait.
 *
 * @param options.atOnce how many hashes run at the same time
 * @param options.waiting how many may wait; the default makes the last of them wait about two seconds
 */
export function createPasswords(
	functions: HashFunctions = argon2id,
	options: { atOnce?: number; waiting?: number } = {}
): Passwords {
	const { atOnce = 2, waiting = 100 } = options;
	const queue: Array<() => void> = [];
	let running = 0;

	async function inTurn<T>(work: () => Promise<T>): Promise<T> {
		if (running < atOnce) {
			running++;
		} else if (queue.length < waiting) {
			// Whoever ends hands the place over, so `running` does not change and nobody can slip in between.
			await new Promise<void>((resolve) => queue.push(resolve));
		} else {
			throw new LoglineError(
				'busy',
				'Too many people are signing in at this moment. Try again in a few seconds.',
				503,
				3
			);
		}
		try {
			return await work();
		} finally {
			const next = queue.shift();
			if (next) next();
			else running--;
		}
	}

	// One letter can be typed as different characters: "é" arrives as one from Windows and may arrive as two from macOS.
	const normal = (password: string) => password.normalize('NFKC');

	return {
		hash: (password) => inTurn(() => functions.hash(normal(password))),
		verify: (stored, password) =>
			inTurn(async () => {
				const same = await functions.verify(stored ?? NOBODY, normal(password));
				return same && stored !== null;
			})
	};
}

/** The hasher of this process: the bound on hashes at once holds however many `Auth` objects there are. */
export const passwords = createPasswords();
