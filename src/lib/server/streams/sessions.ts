import type { Trouble } from '../work/trouble.ts';
import type { Connections } from './connections.ts';
import type { ReadSessions } from './viewer.ts';

/** Sessions that are asked for in one call. */
const SESSIONS = 1000;

/** What a check of sessions needs. */
export interface SessionParts {
	/** Absent: nobody can be asked. */
	readSessions?: ReadSessions | undefined;
	/** Told of failures. */
	trouble: Trouble;
}

/**
 * Ends the connections of sessions that are over, and prolongs the others. When nobody can be asked, the connections end
 * without a reason: their clients come back and are authenticated again, and miss nothing.
 */
export async function recheckSessions(
	{ readSessions, trouble }: SessionParts,
	connections: Connections,
	sessions: readonly string[]
): Promise<void> {
	if (!readSessions) {
		for (const session of sessions) connections.sendAway(session);
		return;
	}
	for (let from = 0; from < sessions.length; from += SESSIONS) {
		const some = sessions.slice(from, from + SESSIONS);
		try {
			const alive = await readSessions(some);
			for (const session of some) {
				const expires = alive.get(session);
				if (expires === undefined) connections.endSession(session, 'The session has ended.');
				else connections.prolong(session, expires.getTime());
			}
		} catch (error) {
			// Check again at the next sweep.
			for (const session of some) connections.prolong(session, Date.now() + 1000);
			trouble.met(error);
			continue;
		}
		trouble.over();
	}
}
