import { LoglineError } from './errors.ts';
import type { FoundTopic, TopicRegistry } from './registry.ts';
import type { Viewer } from './topics.ts';

/** The scopes that a viewer was granted. */
export type Grants = Pick<ReadonlySet<string>, 'has'>;

/** Returns true when a viewer may see a topic. Stream, replay and history all use this rule. Pure. */
export function maySubscribe(
	{ pattern, definition, params }: FoundTopic,
	topic: string,
	viewer: Viewer,
	grants: Grants
): boolean {
	const { access = 'signed-in' } = definition;
	if (access === 'signed-in') return true;
	if (access === 'granted') return pattern.scopesOf(topic).some((scope) => grants.has(scope));
	return access(viewer, params);
}

/** The error for a topic that is not declared. It lists only what every viewer, or this one, may see. */
export function noSuchTopic(topics: TopicRegistry, topic: string, viewer: Viewer): LoglineError {
	const visible: string[] = [];
	for (const [text, { access }] of topics) {
		// The rule of a pattern needs its parameters.
		if (typeof access !== 'function' || (topics.find(text) && access(viewer, {})))
			visible.push(text);
	}
	return new LoglineError(
		'invalid_topics',
		`There is no topic "${topic.slice(0, 60)}". Topics: ${visible.join(', ') || 'none'}.`
	);
}

/** The error for a topic that the viewer may not see. */
export const forbidden = (topic: string) =>
	new LoglineError('forbidden_topic', `You may not subscribe to "${topic}".`, 403);

/** The audience rule: an event of a subscribed topic is for everyone, or for one user alone. */
export function maySee(userId: string | null, event: { userId: string | null }): boolean {
	return event.userId === null || event.userId === userId;
}
