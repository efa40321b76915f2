import { LoglineError } from './errors.ts';
import { isReserved } from './frames.ts';
import type { TopicRegistry, Viewer } from './topics.ts';

/** Returns true when a viewer may see a topic. Stream, replay and history all use this rule. Pure. */
export function maySubscribe(topics: TopicRegistry, topic: string, viewer: Viewer): boolean {
	const definition = isReserved(topic) ? undefined : topics.get(topic);
	return definition !== undefined && definition.maySubscribe?.(viewer) !== false;
}

/**
 * Refuses a viewer who may not see a topic. The error lists the topics that this viewer may see.
 *
 * @throws LoglineError `invalid_topics` (400) when there is no such topic, `forbidden_topic` (403)
 */
export function requireAccess(topics: TopicRegistry, topic: string, viewer: Viewer): void {
	if (isReserved(topic) || !topics.has(topic)) {
		throw new LoglineError(
			'invalid_topics',
			`There is no topic "${topic.slice(0, 60)}". Topics: ${visibleTopics(topics, viewer)}.`
		);
	}
	if (!maySubscribe(topics, topic, viewer)) {
		throw new LoglineError('forbidden_topic', `You may not subscribe to "${topic}".`, 403);
	}
}

function visibleTopics(topics: TopicRegistry, viewer: Viewer): string {
	const visible = [...topics.keys()].filter((topic) => maySubscribe(topics, topic, viewer));
	return visible.join(', ') || 'none';
}

/** The audience rule: an event of a subscribed topic is for everyone, or for one user alone. */
export function maySee(userId: string | null, event: { userId: string | null }): boolean {
	return event.userId === null || event.userId === userId;
}
