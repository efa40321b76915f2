import { LoglineError, type Viewer } from '../../protocol/index.ts';
import { isText, requireUser } from '../log/accept.ts';
import { displayName } from '../log/display-name.ts';

/** A viewer and the session in which the viewer asks. The result of an {@link Authenticate}. */
export interface SignedInViewer extends Viewer {
	/**
	 * Identifies the session. Streams of the session end with it, and the subscriptions of its clients are stored under it.
	 * Do not use a secret: pass a hash of the session's token.
	 */
	session: string;
	/** When the session ends if it is not used again. Its streams do not outlive it. */
	expires: Date;
}

/** Finds out who asks. Any way to sign in will do. Returns null when nobody is signed in. */
export type Authenticate = () => SignedInViewer | null | Promise<SignedInViewer | null>;

/**
 * Returns when some sessions expire, session → time. Sessions that are over are left out.
 *
 * @param sessions as {@link SignedInViewer.session}; at most 1,000
 */
export type ReadSessions = (sessions: readonly string[]) => Promise<ReadonlyMap<string, Date>>;

/**
 * Postgres must find a viewer and a session by exactly what `authenticate` returned, and others must be able to see the name.
 *
 * @throws LoglineError `invalid_user`, `invalid_session`
 */
export function requireViewer({ id, name, session }: SignedInViewer): void {
	requireUser(id);
	displayName({ id, name });
	if (isText(session)) return;
	throw new LoglineError(
		'invalid_session',
		'The id of a session is a text without NUL and without half of a surrogate pair.'
	);
}
