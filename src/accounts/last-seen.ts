import { arrayLiteral } from 'logline/postgres';
import type { Queryable } from 'logline/server';

/** Sessions that may wait to be written. What comes above is seen again at its next request. */
const MOST = 20_000;

/** Sessions of one statement. */
const BATCH = 1000;

/** Writes when sessions were last used. */
export interface LastSeen {
	/** Notes, in memory, that a session is used now. */
	note(session: string): void;
	/** Writes what was noted. A session that was written less than a minute ago is left as it is. */
	write(): Promise<void>;
}

/**
 * No request waits for this, and a process writes all of its sessions in one statement: a crowd that comes back at once must
 * not become a crowd of commits.
 *
 * @param on for statements that no request waits for
 */
export function createLastSeen(on: Queryable): LastSeen {
	const noted = new Set<string>();
	return {
		note(session) {
			if (noted.size < MOST) noted.add(session);
		},
		async write() {
			while (noted.size > 0) {
				const some = [...noted].slice(0, BATCH);
				// Two servers may have seen the same sessions: neither waits for the other.
				await on.query(
					`UPDATE sessions SET seen_at = now() WHERE id IN (
						SELECT id FROM sessions WHERE id = ANY($1::text[]) AND seen_at < now() - interval '1 minute'
						FOR UPDATE SKIP LOCKED
					)`,
					[arrayLiteral(some)]
				);
				for (const session of some) noted.delete(session);
			}
		}
	};
}
