import { requireUser } from '../log/accept.ts';
import { readOwnEvents } from '../log/own-events.ts';
import { forgetUser } from '../log/retention/forget-user.ts';
import type { Log } from './log.ts';

/** What a user may ask for by law: a copy of the own data, and its deletion. */
export interface Personal {
	/**
	 * Reads every event that is private to a user, whatever its topic, up to the head of the log at the first call. A page is
	 * read when the loop asks for it, so memory is bounded for any number of events.
	 *
	 * @returns pages of NDJSON, ordered by topic, then by id: `{"id":"1","topic":"…","data":…,"createdAt":"…"}` and a line feed
	 * @throws (the loop) LoglineError `invalid_user`
	 */
	exportUser(userID: string): AsyncGenerator<string, void, void>;
	/**
	 * Deletes every event that is private to a user, from every topic, and the user's grants, read markers, outbox rows and
	 * dead letters. What the user wrote for everyone stays. End the user's sessions first. Afterwards the log may still write
	 * that grants have ended: call it again until it has nothing to delete.
	 *
	 * @param options.signal stops it between two statements; a later call does the rest
	 * @returns number of deleted events
	 * @throws LoglineError `invalid_user`
	 */
	forgetUser(userID: string, options?: { signal?: AbortSignal }): Promise<number>;
}

/** See {@link Personal}. */
export function createPersonal(running: () => Log): Personal {
	return {
		async *exportUser(userID) {
			requireUser(userID);
			yield* readOwnEvents(running().history, userID);
		},
		async forgetUser(userID, { signal } = {}) {
			requireUser(userID);
			return forgetUser(running().background, userID, signal);
		}
	};
}
