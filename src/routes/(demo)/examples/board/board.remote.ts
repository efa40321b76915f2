import { error } from '@sveltejs/kit';
import { getRequestEvent, query } from '$app/server';
import { getApp } from '$src/app/app.ts';
import { liveValues } from '$src/features/board/live-values.server.ts';
import { numbersOf } from '$src/features/board/numbers.server.ts';

/**
 * All numbers of the board, over one connection. Each value that it yields holds those that may have changed.
 *
 * @param userID the user for whom the page was rendered
 */
export const board = query.live('unchecked', async function* (userID: string) {
	const { auth, logline, database } = getApp();
	const { sessionHash } = getRequestEvent().locals;
	const viewer = sessionHash ? await auth.findViewer(sessionHash) : null;
	if (!viewer) error(401, 'Sign in first.');
	if (userID !== viewer.id) error(401, 'Somebody else has signed in.');
	const values: Record<string, string> = {};
	for await (const changed of liveValues(logline, viewer, numbersOf(database.pool))) {
		yield { ...Object.assign(values, changed) };
	}
});
