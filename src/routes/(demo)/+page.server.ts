import { failureOf } from 'logline/server';
import { getApp } from '$src/app/app.ts';
import type { PublicLine } from './landing/public-line.ts';
import { readPublicLines } from './landing/public-log.server.ts';
import type { PageServerLoad } from './$types';

const TOPICS = ['message', 'prompt', 'end', 'reset', 'notifications', 'logs'] as const;

export const load: PageServerLoad = async ({ locals }) => {
	const { user } = locals;
	if (!user) return { user, lines: await findPublicLines() };
	return { user, ...(await getApp().logline.read(user, TOPICS)) };
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
