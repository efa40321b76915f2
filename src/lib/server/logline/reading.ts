import { LoglineError, parseCursor, type ReadMarker, type Viewer } from '../../protocol/index.ts';
import { moveMarker, readMarkers } from '../log/read-markers.ts';
import { requireTopics } from '../streams/carried.ts';
import type { Log } from './log.ts';

/** How far users have read topics. */
export interface Reading {
	/**
	 * Says that the viewer has read a topic up to an event. The marker only moves forward, and never above the newest event
	 * that the viewer may see. All open streams of the user that carry the topic are told, on every server.
	 *
	 * @param id id of the event, as decimal text or bigint
	 * @returns the marker as it is then, with the number of unread events after it (at most 100: so many or more)
	 * @throws LoglineError `invalid_id`, `invalid_topics`, `forbidden_topic`
	 */
	markRead(viewer: Viewer, topic: string, id: string | bigint): Promise<ReadMarker>;
	/**
	 * Reads how far the viewer has read some topics. A topic without a marker has the id `0`: all its events are unread.
	 * Every event of the topic counts that the viewer may see, also the viewer's own.
	 *
	 * @returns topic → marker
	 * @throws LoglineError `invalid_topics`, `forbidden_topic`
	 */
	unread(viewer: Viewer, topics: readonly string[]): Promise<Record<string, ReadMarker>>;
}

/** See {@link Reading}. */
export function createReading(running: () => Log): Reading {
	return {
		async markRead(viewer, topic, id) {
			const upTo = parseCursor(String(id));
			if (upTo === null) {
				throw new LoglineError('invalid_id', '`id` is the id of an event, as decimal text.');
			}
			const { floor } = (await requireTopics(running(), viewer, [topic])).get(topic)!;
			const marker = await moveMarker(running(), { userId: viewer.id, topic, floor, id: upTo });
			return { topic, id: marker.id.toString(), unread: marker.unread };
		},
		async unread(viewer, topics) {
			const visible = await requireTopics(running(), viewer, topics);
			const asked = [...visible].map(([topic, { floor }]) => ({ userId: viewer.id, topic, floor }));
			const found = await readMarkers(running().history, asked, { marked: false });
			return Object.fromEntries(
				found.map(({ topic, id, unread }) => [topic, { topic, id: id.toString(), unread }])
			);
		}
	};
}
