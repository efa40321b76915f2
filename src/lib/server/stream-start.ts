import type { Gap, Viewer } from '$lib/protocol';
import { placeTopics, type TopicSafety } from './delivery/topic-safety.ts';
import { readHead, readOldest, readWindowStart, type TopicStart } from './log/read.ts';
import type { StreamRequest } from './sse/request.ts';
import type { StreamParts } from './streams.ts';

/** Whether this log issued the cursor. The tail may lag behind another server's; the head does not. */
export async function isOurs(
	{ hub, pool }: Pick<StreamParts, 'hub' | 'pool'>,
	wanted: StreamRequest,
	log: string
): Promise<boolean> {
	if (wanted.cursor === null) return true;
	if (wanted.log !== null && wanted.log !== log) return false;
	if (wanted.cursor <= hub.tail) return true;
	return wanted.cursor <= (await readHead(pool));
}

/** Where each topic begins: new ones at the window that their declaration names, if it does. */
export async function placeStarts(
	{ topics, history }: Pick<StreamParts, 'topics' | 'history'>,
	viewer: Viewer,
	safety: TopicSafety,
	cursor: bigint
): Promise<TopicStart[]> {
	const begins = new Map<string, bigint>();
	for (const topic of safety.newTopics) {
		const last = topics.get(topic)?.replay?.last;
		if (last === undefined) continue;
		begins.set(topic, await readWindowStart(history, { userId: viewer.userId, topic, last }));
	}
	return placeTopics(safety, cursor, (topic) => begins.get(topic) ?? 0n);
}

/** What a client is told whose cursor is of another log: nothing it has holds. */
export async function gapsOf(
	{ history }: Pick<StreamParts, 'history'>,
	viewer: Viewer,
	wanted: StreamRequest
): Promise<Gap[]> {
	const gaps: Gap[] = [];
	for (const { topic } of wanted.topics) {
		const oldest = await readOldest(history, { userId: viewer.userId, topic });
		gaps.push({ topic, after: String(wanted.cursor), oldest: oldest?.toString() ?? null });
	}
	return gaps;
}
