import { LoglineError } from 'logline';
import type { Logline } from 'logline/server';
import type { Auth } from './auth.ts';
import type { Asking } from './own-account.ts';

/**
 * Exports that may run at the same time, in one process. Fewer of a session than of a user: one that has ended, and is not read,
 * must not hold up the others of its user.
 */
const AT_ONCE = { session: 2, user: 8 };

/** Exports that run, by session and by user. */
const running = new Map<string, number>();

function count(key: string, by: number): void {
	const now = (running.get(key) ?? 0) + by;
	if (now > 0) running.set(key, now);
	else running.delete(key);
}

/**
 * Streams the private events of a user as NDJSON. A page is read when the client has taken the one before: a client that
 * stops reading costs one page of memory. Before each page it looks whether the session still lasts; an export that ends too
 * early ends with an error, never as if it were complete.
 *
 * @param onBroken called with the reason when an export ends too early
 * @throws LoglineError `too_many_exports` (429)
 */
export function exportEvents(
	{ auth, logline }: { auth: Pick<Auth, 'findViewer'>; logline: Pick<Logline, 'exportUser'> },
	{ user, session }: Pick<Asking, 'user' | 'session'>,
	onBroken: (error: unknown) => void
): ReadableStream<Uint8Array> {
	const keys = { session: `session ${session}`, user: `user ${user.id}` };
	const isFull = (key: 'session' | 'user') => (running.get(keys[key]) ?? 0) >= AT_ONCE[key];
	if (isFull('session') || isFull('user')) {
		throw new LoglineError(
			'too_many_exports',
			'Your events are being downloaded already. Wait until that has ended.',
			429,
			10
		);
	}
	count(keys.session, 1);
	count(keys.user, 1);
	let over = false;
	const release = () => {
		if (over) return;
		over = true;
		count(keys.session, -1);
		count(keys.user, -1);
	};
	const pages = logline.exportUser(user.id);
	const encoder = new TextEncoder();
	return new ReadableStream<Uint8Array>(
		{
			async pull(controller) {
				try {
					if (!(await auth.findViewer(session))) {
						throw new LoglineError('unauthorized', 'The session has ended.', 401);
					}
					const page = await pages.next();
					if (!page.done) return controller.enqueue(encoder.encode(page.value));
					release();
					controller.close();
				} catch (error) {
					release();
					onBroken(error);
					controller.error(error);
				}
			},
			async cancel() {
				release();
				await pages.return();
			}
		},
		// Nothing is read before the client takes something.
		{ highWaterMark: 0 }
	);
}
