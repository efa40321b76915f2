/** Limits how often somebody may try to sign in or sign up. Counted in Postgres, so the limits hold across all servers. */
import { createHash } from 'node:crypto';
import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import { LoglineError } from 'logline';
import type { Config } from '$src/app/config.ts';
import type { Queryable } from 'logline/server';

declare module 'rate-limiter-flexible' {
	interface RateLimiterPostgres {
		/** Missing in the package's types. Milliseconds for which the key is refused from memory; 0: it is not refused. */
		getInMemoryBlockMsBeforeExpire(key: string): number;
	}
}

/** One minute and ten minutes, in seconds. */
const SIGN_IN_SECONDS = 60;
const SIGN_UP_SECONDS = 600;

/** One sign-in attempt. */
export interface Attempt {
	/** The user name in the form that the database compares, whether the user exists or not. */
	account: string;
	/** See `networkOf`. */
	network: string;
	/** SHA-256 of the device cookie; null: none was sent. */
	device: string | null;
	/** The account has been used on that device before. */
	known: boolean;
}

/** Counts attempts. */
export interface Throttle {
	/**
	 * Refuses, without asking Postgres, a sign-in from a network that was refused before.
	 *
	 * @param namesDevice a device cookie was sent: the request may come from the owner of an account, in a network with many
	 *   attackers
	 * @throws LoglineError `too_many_attempts` (429)
	 */
	turnAwaySignIn(network: string, namesDevice: boolean): void;
	/**
	 * The same for sign-ups.
	 *
	 * @throws LoglineError `too_many_signups` (429)
	 */
	turnAwaySignUp(network: string): void;
	/**
	 * Counts an attempt: for the account and the network, or, from a known device, for that device alone.
	 *
	 * @returns a function that gives the attempt back, for an attempt that was not a wrong guess
	 * @throws LoglineError `too_many_attempts` (429)
	 */
	countSignIn(attempt: Attempt): Promise<() => Promise<void>>;
	/** @throws LoglineError `too_many_signups` (429) */
	countSignUp(network: string): Promise<void>;
}

/** @param on database with the table `rate_limits` */
export function createThrottle(
	on: Queryable,
	config: Pick<Config, 'loginAttemptsPerMinute' | 'signupsPer10Minutes'>
): Throttle {
	const storeClient = {
		async query({ text, values }: { text: string; values: (string | number | null)[] }) {
			const rows = await on.query(text, values);
			return { rows, rowCount: rows.length };
		}
	};
	const limiter = (keyPrefix: string, points: number, duration: number) =>
		new RateLimiterPostgres({
			storeClient,
			storeType: 'client',
			tableName: 'rate_limits',
			tableCreated: true,
			// This would start a timer that never ends. `forgetRateLimits` deletes instead.
			clearExpiredByTimeout: false,
			keyPrefix,
			points,
			duration,
			// A refused key is refused from memory until its time is over, so a flood does not reach Postgres.
			inMemoryBlockOnConsumed: points + 1
		});
	const signIns = limiter('sign-in', config.loginAttemptsPerMinute, SIGN_IN_SECONDS);
	const signUps = limiter('sign-up', config.signupsPer10Minutes, SIGN_UP_SECONDS);

	const forgery = (network: string) => keyOf('forgery', network);
	const refusedFor = (limiter: RateLimiterPostgres, key: string) =>
		limiter.getInMemoryBlockMsBeforeExpire(limiter.getKey(key));

	async function takeAll(keys: string[]): Promise<void> {
		for (const key of keys) {
			const wait = await take(signIns, key);
			if (wait > 0) throw tooManyAttempts(wait);
		}
	}

	return {
		turnAwaySignIn(network, namesDevice) {
			const wait = refusedFor(signIns, keyOf('network', network));
			if (wait === 0) return;
			if (!namesDevice || refusedFor(signIns, forgery(network)) > 0) throw tooManyAttempts(wait);
		},

		turnAwaySignUp(network) {
			const wait = refusedFor(signUps, keyOf('network', network));
			if (wait > 0) throw tooManySignUps(wait);
		},

		async countSignIn({ account, network, device, known }) {
			// Count the network first: a refused network must not use up the account's attempts.
			const keys =
				known && device
					? [keyOf('device', account, device)]
					: [keyOf('network', network), keyOf('account', account)];
			try {
				await takeAll(keys);
			} catch (refusal) {
				// Also count invented device cookies per network. Otherwise they would always bypass the refusal from memory
				// and reach Postgres.
				if (refusal instanceof LoglineError && device && !known)
					await take(signIns, forgery(network));
				throw refusal;
			}
			// Give back one attempt; do not reset to zero. Otherwise an attacker could reset the count with a sign-in to his
			// own account.
			return async () => {
				for (const key of keys) await signIns.reward(key);
			};
		},

		async countSignUp(network) {
			const wait = await take(signUps, keyOf('network', network));
			if (wait > 0) throw tooManySignUps(wait);
		}
	};
}

/**
 * Deletes expired counts. Safe to run in every process.
 *
 * @param signal stops it between two statements
 */
export async function forgetRateLimits(on: Queryable, signal?: AbortSignal): Promise<void> {
	for (let gone = BATCH; gone === BATCH && !signal?.aborted;) {
		// `expire` was written with the clock of a server. The minute allows for clocks that differ.
		const rows = await on.query(
			`DELETE FROM rate_limits WHERE key IN (
				SELECT key FROM rate_limits WHERE expire < $1 LIMIT ${BATCH}
			) RETURNING 1`,
			[Date.now() - 60_000]
		);
		gone = rows.length;
	}
}

/** Maximum rows that one statement deletes. */
const BATCH = 10_000;

/** @returns milliseconds to wait until an attempt is free; 0: one was taken */
async function take(limiter: RateLimiterPostgres, key: string): Promise<number> {
	try {
		await limiter.consume(key);
		return 0;
	} catch (refused) {
		// When the limit is reached, the library rejects with a RateLimiterRes, which is no Error. Errors come from
		// Postgres.
		if (refused instanceof RateLimiterRes) return Math.max(1, refused.msBeforeNext);
		throw refused;
	}
}

/** Hashed, because users sometimes type a password into the user name field. */
function keyOf(kind: string, ...parts: string[]): string {
	return `${kind}:${createHash('sha256').update(parts.join('\0')).digest('base64url')}`;
}

function tooManyAttempts(ms: number): LoglineError {
	const seconds = Math.ceil(ms / 1000);
	return new LoglineError(
		'too_many_attempts',
		`Too many attempts to sign in. Try again ${inTime(seconds)}.`,
		429,
		seconds
	);
}

function tooManySignUps(ms: number): LoglineError {
	const seconds = Math.ceil(ms / 1000);
	return new LoglineError(
		'too_many_signups',
		`Too many accounts are being created from your network. Try again ${inTime(seconds)}.`,
		429,
		seconds
	);
}

function inTime(seconds: number): string {
	if (seconds > 90) return `in ${Math.ceil(seconds / 60)} minutes`;
	return seconds === 1 ? 'in a second' : `in ${seconds} seconds`;
}
