import { isReserved, LoglineError, type TopicRegistry, type Viewer } from '$lib/protocol';

/** Whether a viewer may see a topic: what stream, replay and history ask. Pure. */
export function maySubscribe(topics: TopicRegistry, topic: string, viewer: Viewer): boolean {
	const definition = isReserved(topic) ? undefined : topics.get(topic);
	return definition !== undefined && definition.maySubscribe?.(viewer) !== false;
}

/**
 * Refuses whoever may not see a topic.
 *
 * @throws LoglineError `invalid_topics` (400) when there is no such topic, `forbidden_topic` (403)
 */
export function requireAccess(topics: TopicRegistry, topic: string, viewer: Viewer): void {
	if (isReserved(topic) || !topics.has(topic)) {
		throw new LoglineError(
			'invalid_topics',
			`There is no topic "${topic.slice(0, 60)}". Topics: ${[...topics.keys()].join(', ')}.`
		);
	}
	if (!maySubscribe(topics, topic, viewer)) {
		throw new LoglineError('forbidden_topic', `You may not subscribe to "${topic}".`, 403);
	}
}
