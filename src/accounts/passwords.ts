/** Password hashing: Argon2id, a few at a time. */
import { availableParallelism } from 'node:os';
import { hash, verify } from '@node-rs/argon2';
import { busy } from './line.ts';

// OWASP, Password Storage Cheat Sheet: Argon2id with 19 MiB, two passes, one lane.
const MEMORY_KIB = 19_456;
const PASSES = 2;
const LANES = 1;

/** Keeps one core free for other work, and one of the four threads that libuv uses for files and DNS. */
const AT_ONCE = Math.min(3, Math.max(1, availableParallelism() - 1));

/** A hash with the normal cost that no password matches. The password for an unknown user is compared with it. */
const NOBODY = `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=${LANES}$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/**
 * Returns the form in which a password is measured, compared and hashed. One letter can be typed as different characters:
 * "é" arrives as one character from Windows and may arrive as two from macOS.
 */
export function normalizePassword(password: string): string {
	return password.normalize('NFKC');
}

/** The slow functions. Replaced in tests. */
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

/** Hashes and compares passwords. `line` is the network of the client; each network waits in its own line. */
export interface Passwords {
	/** @throws LoglineError `busy` (503) when too many wait already */
	hash(password: string, line?: string): Promise<string>;
	/**
	 * @param hash the stored hash, or null for a user who does not exist: returns false after the same work
	 * @throws LoglineError `busy` (503) when too many wait already
	 */
	verify(hash: string | null, password: string, line?: string): Promise<boolean>;
}

/**
 * Creates the password functions. A hash takes about 40 ms of a thread that files and DNS also need, and 19 MiB. So only a
 * few run at once, and only a few wait. Each network has its own line, and the lines are served in turn: a network that
 * sends many requests delays only itself.
 *
 * @param options.atOnce how many hashes run at the same time
 * @param options.waiting how many may wait in total
 * @param options.inLine how many may wait in one line; with the default, the last one waits about a second
 */
export function createPasswords(
	functions: HashFunctions = argon2id,
	options: { atOnce?: number; waiting?: number; inLine?: number } = {}
): Passwords {
	const { atOnce = AT_ONCE, waiting = 200, inLine = 20 } = options;
	// In the order in which they are served. Empty lines are removed.
	const lines = new Map<string, Array<() => void>>();
	let queued = 0;
	let running = 0;

	function enqueue(name: string): Promise<void> {
		const line = lines.get(name) ?? [];
		if (queued >= waiting || line.length >= inLine) throw busy();
		lines.set(name, line);
		queued++;
		return new Promise((resolve) => line.push(resolve));
	}

	/** Takes the first entry of the next line. That line then moves to the end. */
	function dequeue(): (() => void) | undefined {
		for (const [name, line] of lines) {
			const next = line.shift();
			lines.delete(name);
			if (line.length > 0) lines.set(name, line);
			queued--;
			return next;
		}
		return undefined;
	}

	async function inTurn<T>(line: string, work: () => Promise<T>): Promise<T> {
		// A work that ends passes its place to the next one. `running` does not change, so no other work can take the place.
		if (running < atOnce) running++;
		else await enqueue(line);
		try {
			return await work();
		} finally {
			const next = dequeue();
			if (next) next();
			else running--;
		}
	}

	return {
		hash: (password, line = '') => inTurn(line, () => functions.hash(normalizePassword(password))),
		verify: (stored, password, line = '') =>
			inTurn(line, async () => {
				const same = await functions.verify(stored ?? NOBODY, normalizePassword(password));
				return same && stored !== null;
			})
	};
}

/** The hasher of this process. The limit of concurrent hashes holds for all `Auth` objects together. */
export const passwords = createPasswords();
