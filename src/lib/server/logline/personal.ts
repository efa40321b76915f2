import { LoglineError } from '../../protocol/index.ts';
import { requireUser } from '../log/accept.ts';
import { readOwnEvents } from '../log/own-events.ts';
import { forgetUser } from '../log/retention/forget-user.ts';
import type { Log } from './log.ts';

/** What a user may ask for by law: a copy of the own data, and its deletion. */
export interface Personal {
	/**
	 * Reads every event that is private to a user, whatever its topic, up to the head of the log at the first call. A page is
	 * read when the loop asks for it, so memory is bounded for any number of events: a page has about 1 MiB of data, or one event.
	 * An event with more than 16 MiB of data, which only older versions accepted, has `null` in its place.
	 *
	 * @returns pages of NDJSON, ordered by topic, then by id: `{"id":"1","topic":"…","data":…,"createdAt":"…"}` and a line feed
	 * @throws (the loop) LoglineError `invalid_user`
	 */
	exportUser(userID: string): AsyncGenerator<string, void, void>;
	/**
	 * Deletes every event that is private to a user, from every topic, and the user's grants, read markers, outbox rows and
	 * dead letters, and what consumers have noted of events that failed. What the user wrote for everyone stays. End the user's sessions first. Afterwards the log may still write
	 * that grants have ended: call it again until it has nothing to delete. A statement deletes at most 1,000 rows, and about
	 * 16 MiB of data, so it takes no connection for long, however much there is. Idempotency keys stay, as `key` says.
	 *
	 * @param options.signal stops it between two statements; a later call does the rest
	 * @returns number of deleted events
	 * @throws LoglineError `invalid_user`; `draining` (503): the Logline was stopped before all was deleted; a later call does the rest
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
			const { background, jobs } = running();
			const isClosing = () => jobs.stopping.aborted;
			const deleted = await forgetUser(
				background,
				userID,
				() => isClosing() || signal?.aborted === true
			);
			// A caller must not take a part for the whole.
			if (isClosing() && !signal?.aborted) throw closing();
			return deleted;
		}
	};
}

const closing = () =>
	new LoglineError(
		'draining',
		'The server is shutting down. The rest is deleted when you call it again.',
		503,
		1
	);
