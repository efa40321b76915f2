import { LoglineError, type Viewer } from 'logline';
import type { Logline } from 'logline/server';
import type { RoomTopic } from './reducer.ts';

/** How often and how long to look, in milliseconds. Usually it is there at the first or second look. */
const PATIENCE = { times: 50, ms: 20 };

/**
 * Waits until a member's grant has its place in the log. It commits with the membership and gets its place a moment later. A
 * message that is emitted meanwhile would overtake it, and a confidential room would not show it to the new member.
 *
 * Gives up after a second: then the log is behind, and nothing is lost by it.
 */
export async function grantInLog(
	logline: Pick<Logline, 'history'>,
	member: Viewer,
	topic: RoomTopic
): Promise<void> {
	for (let look = 1; look <= PATIENCE.times; look++) {
		try {
			await logline.history(member, topic, { limit: 1 });
			return;
		} catch (error) {
			if (!isForbidden(error)) throw error;
			await new Promise((resolve) => setTimeout(resolve, PATIENCE.ms));
		}
	}
}

/** @returns true when the log says that the viewer may not see a topic, now */
export const isForbidden = (error: unknown): boolean =>
	error instanceof LoglineError && error.code === 'forbidden_topic';
