import { compareIds, type Viewer } from 'logline';
import type { Logline } from 'logline/server';
import type { Between } from './between.ts';

/** Events of one page of history. */
const PAGE = 200;

/**
 * Returns the ids of what a viewer may see of some topics in a part of the log, by the rules of history: what a stream would
 * send there. At most `limit`, the newest.
 *
 * @param query.upTo null: up to the newest
 * @throws LoglineError `invalid_topics`, `forbidden_topic`
 */
export async function listBetween(
	logline: Pick<Logline, 'history'>,
	viewer: Viewer,
	query: { topics: readonly string[]; after: bigint; upTo: bigint | null; limit: number }
): Promise<Between> {
	const { topics, limit } = query;
	const found: string[] = [];
	// One after the other: this question must not take connections from the streams.
	for (const topic of topics) found.push(...(await listTopic(logline, viewer, topic, query)));
	found.sort(compareIds);
	return { ids: found.slice(-limit), more: found.length > limit };
}

/** Returns up to `limit` ids and one more, newest first. */
async function listTopic(
	logline: Pick<Logline, 'history'>,
	viewer: Viewer,
	topic: string,
	{ after, upTo, limit }: { after: bigint; upTo: bigint | null; limit: number }
): Promise<string[]> {
	const ids: string[] = [];
	let before = upTo === null ? null : upTo + 1n;
	while (ids.length <= limit) {
		const wanted = Math.min(PAGE, limit + 1 - ids.length);
		const { events, oldest } = await logline.history(viewer, topic, { before, limit: wanted });
		for (const { id } of events) {
			if (BigInt(id) <= after) return ids;
			ids.push(id);
		}
		// A page of large events is short, so only `oldest` tells whether it was the last.
		const last = events.at(-1);
		if (!last || oldest === null || BigInt(last.id) <= BigInt(oldest)) return ids;
		before = BigInt(last.id);
	}
	return ids;
}
