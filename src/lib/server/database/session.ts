import { randomUUID } from 'node:crypto';
import { describe } from './address.ts';
import { openClient, type Sql } from './client.ts';

/**
 * Checks that a connection is one Postgres session. Behind a pooler in transaction mode it is not: each transaction may run
 * in another session, LISTEN receives nothing, and a session lock stays with the next client of that session.
 *
 * @throws Error that says what to do
 */
export async function requireSession(url: string): Promise<void> {
	const options = {
		max: 1,
		name: 'start',
		answerMs: 5000,
		arrays: false,
		// Some poolers accept the other settings but refuse this one.
		settings: { idle_in_transaction_session_timeout: 10_000 }
	};
	const ours = openClient(url, options);
	const other = openClient(url, options);
	try {
		let shared = 0;
		// A server that is restarting can cause the same result once, so one result is not enough.
		for (let round = 0; round < 3; round++) if (await isShared(ours, other)) shared++;
		if (shared > 1) throw poolerError(url);
	} catch (error) {
		throw isPooler(error) ? poolerError(url, error) : error;
	} finally {
		await Promise.all([ours.end({ timeout: 1 }), other.end({ timeout: 1 })]);
	}
}

/**
 * Sets a value in the first session and keeps the second connection busy. Behind a pooler, the second connection sees the
 * value, or the first one no longer does.
 */
async function isShared(ours: Sql, other: Sql): Promise<boolean> {
	const token = randomUUID();
	// Plain text without parameters: a pooler may not support prepared statements.
	const see = `select current_setting('logline.session', true) as token`;
	await ours.unsafe(`select set_config('logline.session', '${token}', false)`);
	return other.begin(async (tx) => {
		const [theirs] = await tx.unsafe<{ token: string | null }[]>(see);
		if (theirs?.token === token) return true;
		const [kept] = await ours.unsafe<{ token: string | null }[]>(see);
		return kept?.token !== token;
	});
}

/** @returns true for an error of PgBouncer, which does not pass on the startup parameters that we set */
export function isPooler(error: unknown): boolean {
	const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
	return code === '08P01' && /unsupported startup parameter/.test(String(message));
}

/** The error that says what to do about a pooler. */
export function poolerError(url: string, cause?: unknown): Error {
	return new Error(
		`Between us and Postgres, at ${describe(url)}, is a connection pooler that does not give us sessions of our own ` +
			'(PgBouncer in transaction mode?). Logline needs them: it listens, and it takes locks. ' +
			'Put the address of Postgres itself into DATABASE_URL; a process needs 16 connections at most.',
		{ cause }
	);
}
