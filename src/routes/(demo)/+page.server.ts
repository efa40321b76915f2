import { failureOf } from 'logline/server';
import { isLoopback } from '$src/accounts/network.ts';
import { getApp } from '$src/app/app.ts';
import type { PublicLine } from './landing/public-line.ts';
import { readPublicLines } from './landing/public-log.server.ts';
import type { PageServerLoad, PageServerLoadEvent } from './$types';

const TOPICS = ['message', 'prompt', 'end', 'reset', 'notifications', 'inbox', 'logs'] as const;

export const load: PageServerLoad = async (event) => {
	const { user } = event.locals;
	if (!user) return { user, lines: await findPublicLines() };
	const { logline } = getApp();
	const [first, readMarkers] = await Promise.all([
		logline.read(user, TOPICS),
		logline.unread(user, ['notifications'])
	]);
	return { user, pid: pidForOwner(event), ...first, readMarkers };
};

/** null: they are not public, or cannot be read now. The page tells what it is all the same. */
async function findPublicLines(): Promise<readonly PublicLine[] | null> {
	try {
		return await readPublicLines(getApp());
	} catch (error) {
		if (!failureOf(error)) throw error;
		return null;
	}
}

/**
 * Id of this process, for a reader who runs the demo on the own machine and may want to kill it. null for all others: the
 * address of the site and that of the visitor must both be this machine's, because a proxy on it has a local address, too.
 */
function pidForOwner({ url, getClientAddress }: PageServerLoadEvent): number | null {
	const { demo } = getApp().config;
	return demo && isLoopback(url.hostname) && isLoopback(getClientAddress()) ? process.pid : null;
}
