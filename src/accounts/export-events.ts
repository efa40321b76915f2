import { LoglineError } from 'logline';
import type { Logline } from 'logline/server';
import type { Auth } from './auth.ts';
import type { Asking } from './own-account.ts';

/** Exports of one session that may run at the same time, in one process. */
const AT_ONCE = 2;

/** Exports that run, by session: one that has ended must not hold up the others of its user. */
const running = new Map<string, number>();

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
	const count = (running.get(session) ?? 0) + 1;
	if (count > AT_ONCE) {
		throw new LoglineError(
			'too_many_exports',
			'Your events are being downloaded already. Wait until that has ended.',
			429,
			10
		);
	}
	running.set(session, count);
	let over = false;
	const release = () => {
		if (over) return;
		over = true;
		const left = running.get(session)! - 1;
		if (left > 0) running.set(session, left);
		else running.delete(session);
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
