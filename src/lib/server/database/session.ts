import { randomUUID } from 'node:crypto';
import { describe } from './address.ts';
import { PgSession } from './pg-session.ts';
import { Route } from './route.ts';

/**
 * Checks that a connection is one Postgres session. Behind a pooler in transaction mode it is not: each transaction may run
 * in another session, LISTEN receives nothing, and a session lock stays with the next client of that session.
 *
 * @throws Error that says what to do
 */
export async function requireSession(url: string): Promise<void> {
	const options = {
		name: 'start',
		answerMs: 5000,
		// Some poolers accept the other settings but refuse this one.
		settings: { idle_in_transaction_session_timeout: 10_000 }
	};
	const route = new Route(url);
	const sessions: PgSession[] = [];
	try {
		const ours = await PgSession.open(route, options);
		sessions.push(ours);
		const other = await PgSession.open(route, options);
		sessions.push(other);
		let shared = 0;
		// A server that is restarting can cause the same result once, so one result is not enough.
		for (let round = 0; round < 3; round++) if (await isShared(ours, other)) shared++;
		if (shared > 1) throw poolerError(url);
	} catch (error) {
		throw isPooler(error) ? poolerError(url, error) : error;
	} finally {
		await Promise.all(sessions.map((session) => session.end(1000)));
	}
}

/**
 * Sets a value in the first session and keeps the second connection busy. Behind a pooler, the second connection sees the
 * value, or the first one no longer does.
 */
async function isShared(ours: PgSession, other: PgSession): Promise<boolean> {
	const token = randomUUID();
	await ours.run(`select set_config('logline.session', '${token}', false)`);
	await other.run('begin');
	const shared = (await seenBy(other)) === token || (await seenBy(ours)) !== token;
	await other.run('commit');
	return shared;
}

async function seenBy(session: PgSession): Promise<string | null | undefined> {
	// Plain text without parameters: a pooler may not support prepared statements.
	const [row] = await session.ask((sql) =>
		sql.unsafe<{ token: string | null }[]>(
			`select current_setting('logline.session', true) as token`
		)
	);
	return row?.token;
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
