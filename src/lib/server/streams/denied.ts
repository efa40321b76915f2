import {
	forbidden,
	isWildcard,
	noSuchTopic,
	type Denied,
	type Subscribed,
	type Viewer
} from '../../protocol/index.ts';
import { GrantsUnsettled } from '../log/grants/read-grants.ts';
import { readKnownTopics } from '../log/known-topics.ts';
import { findRequested, MAX_CARRIED, type Carried } from './carried.ts';
import type { StreamParts } from './parts.ts';
import type { StreamRequest } from './request.ts';

/**
 * Refuses a stream that would carry nothing. A wildcard may bring topics later, so it is something.
 *
 * @throws LoglineError `invalid_topics` when no requested topic is declared, `forbidden_topic`
 * @throws GrantsUnsettled one of the topics was granted, and the log is behind by more than a second
 */
export function requireSome(
	{ topics: registry }: Pick<StreamParts, 'topics'>,
	viewer: Viewer,
	wanted: StreamRequest,
	{ topics, denied, unsettled }: Pick<Carried, 'topics' | 'denied' | 'unsettled'>
): void {
	const refused = new Set(denied.map(({ topic }) => topic));
	const isOpen = ({ topic }: { topic: string }) => isWildcard(topic) && !refused.has(topic);
	if (topics.size > 0 || wanted.topics.some(isOpen)) return;
	if (unsettled) throw new GrantsUnsettled();
	const known = denied.find(({ reason }) => reason !== 'unknown');
	if (known) throw forbidden(known.topic);
	throw noSuchTopic(registry, denied[0]!.topic, viewer);
}

/**
 * Returns what a stream must say of topics that it does not carry, or carries anew. A grant that ended after the client's
 * cursor ended everything that the client has of its topics. It does not matter whether the client was connected then.
 *
 * @param cursor null: the client has nothing
 */
export async function tellDenied(
	parts: Pick<StreamParts, 'topics' | 'pool'>,
	{ topics, denied, closed }: Carried,
	requested: readonly string[],
	cursor: bigint | null
): Promise<Denied[]> {
	const ended = await (cursor === null ? new Set<string>() : endedTopics(parts, closed, requested));
	const told = denied.filter(({ topic }) => !ended.has(topic));
	for (const topic of ended) {
		const carried = topics.get(topic);
		if (!carried || carried.since > cursor!) told.push({ topic, reason: 'revoked' });
	}
	return told;
}

/** Requested topics that lie in one of the scopes. */
async function endedTopics(
	{ topics: registry, pool }: Pick<StreamParts, 'topics' | 'pool'>,
	closed: ReadonlyMap<string, bigint>,
	requested: readonly string[]
): Promise<Set<string>> {
	const ended = new Set<string>();
	if (closed.size === 0) return ended;
	for (const name of requested) {
		const pattern = findRequested(registry, name)?.pattern;
		if (!pattern) continue;
		if (!isWildcard(name)) {
			if (pattern.scopesOf(name).some((scope) => closed.has(scope))) ended.add(name);
			continue;
		}
		for (const scope of closed.keys()) {
			const topic = pattern.topicOf(scope, name);
			if (topic === null) continue;
			const below = isWildcard(topic)
				? await readKnownTopics(pool, topic, { most: MAX_CARRIED })
				: [topic];
			for (const each of below) ended.add(each);
		}
	}
	return ended;
}

/** Returns what a stream must say of the topics that wildcards brought. */
export function subscribedBy({ topics }: Pick<Carried, 'topics'>): Subscribed[] {
	const told: Subscribed[] = [];
	for (const [topic, { wildcard }] of topics) {
		if (wildcard !== null) told.push({ topic, pattern: wildcard });
	}
	return told;
}
