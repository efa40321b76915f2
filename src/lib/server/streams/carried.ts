import {
	forbidden,
	isDurable,
	isWildcard,
	maySubscribe,
	noSuchTopic,
	type Denied,
	type FoundTopic,
	type Pattern,
	type TopicRegistry,
	type Viewer
} from '../../protocol/index.ts';
import type { Queryable } from '../database/queryable.ts';
import { requireUser } from '../log/accept.ts';
import {
	GrantsUnsettled,
	readGrantsFor,
	readSince,
	type MissingScopes,
	type UserGrants
} from '../log/grants/read-grants.ts';
import { readKnownTopics } from '../log/known-topics.ts';

/** The most topics that one stream carries, however many its wildcards would bring. */
export const MAX_CARRIED = 1000;

/** Later than every event: as `after`, it asks for no grants that have ended. */
export const END = 2n ** 63n - 1n;

/** A topic that a stream carries. */
export interface CarriedTopic {
	/** The wildcard, as requested, that brought it. null: it was named. */
	wildcard: string | null;
	/** The event since which the viewer may see the topic without a break. 0: always. */
	since: bigint;
	/** Only events after this id may be seen. */
	floor: bigint;
	/** How many of the newest events a new client gets. undefined: all. */
	replay: number | undefined;
}

/** What a stream carries at a position of the log. */
export interface Carried {
	topics: ReadonlyMap<string, CarriedTopic>;
	/** Requested topics that it does not carry. */
	denied: readonly Denied[];
	/** A grant was given that would open one of them, and the log has not noted it yet. */
	unsettled: boolean;
	/** The newest event about the viewer's grants that is considered. */
	position: bigint;
	/** Grants that ended after the asked position: scope → id of the newest `$revoked`. */
	closed: ReadonlyMap<string, bigint>;
	/** Scopes below which topics may appear that a wildcard brings. */
	scopes: readonly string[];
	/** Parts of wildcards that have more topics than were read, each with the last that was read, in order of name. */
	full: readonly { name: string; pattern: Pattern; last: string }[];
}

const NO_GRANTS: UserGrants & { unsettled: boolean } = {
	open: new Map(),
	closed: new Map(),
	position: 0n,
	unsettled: false
};

/** @returns true when grants decide about one of the requested topics */
export function dependsOnGrants(registry: TopicRegistry, requested: readonly string[]): boolean {
	return requested.some((name) => findRequested(registry, name)?.definition.access === 'granted');
}

/** @returns true when the topics of a requested name are signals */
export function isSignal(registry: TopicRegistry, name: string): boolean {
	const found = findRequested(registry, name);
	return found !== undefined && !isDurable(found.definition);
}

/** Finds the declaration of a requested topic or wildcard. */
export const findRequested = (registry: TopicRegistry, name: string): FoundTopic | undefined =>
	isWildcard(name) ? registry.findWildcard(name) : registry.find(name);

/**
 * Finds out which topics a stream carries: the named ones that the viewer may see, and those that the viewer's grants bring
 * through wildcards.
 *
 * @param after grants that ended after this position are returned as `closed`
 * @param options.waits False: it does not wait for grants that the log has not noted yet. A stream that is open is told of them.
 *   Default true: who was granted a topic a moment ago is not refused.
 * @throws LoglineError `invalid_user`
 */
export async function readCarried(
	{ topics: registry, pool }: { topics: TopicRegistry; pool: Queryable },
	viewer: Viewer,
	requested: readonly string[],
	after: bigint,
	{ waits = true, signal }: { waits?: boolean; signal?: AbortSignal | undefined } = {}
): Promise<Carried> {
	requireUser(viewer.id);
	const missing: MissingScopes = (open) => (waits ? missingScopes(registry, requested, open) : []);
	const grants = dependsOnGrants(registry, requested)
		? await readGrantsFor(pool, viewer.id, after, missing, signal)
		: NO_GRANTS;
	const topics = new Map<string, CarriedTopic>();
	const denied: Denied[] = [];
	const scopes = new Set<string>();
	const full: { name: string; pattern: Pattern; last: string }[] = [];
	/** Topics of several scopes, with their scopes: the log knows since when they are visible. */
	const nested = new Map<string, readonly string[]>();

	const carry = (topic: string, found: FoundTopic, wildcard: string | null) => {
		if (topics.has(topic)) return;
		if (topics.size >= MAX_CARRIED) {
			denied.push({ topic, reason: 'too_many' });
			return;
		}
		const { definition, pattern } = found;
		const isGranted = definition.access === 'granted';
		const own = isGranted ? pattern.scopesOf(topic) : [];
		if (own.length > 1) nested.set(topic, own);
		const since = (isGranted && grants.open.get(own[0]!)) || 0n;
		const floor = isGranted && definition.history === 'since-granted' ? since : 0n;
		topics.set(topic, { wildcard, since, floor, replay: definition.replay?.last });
	};

	// Named topics first: a topic that a wildcard brings, too, is judged by its own subscription.
	for (const name of requested.filter((name) => !isWildcard(name))) {
		const found = registry.find(name);
		if (!found) denied.push({ topic: name, reason: 'unknown' });
		else if (maySubscribe(found, name, viewer, grants.open)) carry(name, found, null);
		else denied.push({ topic: name, reason: 'forbidden' });
	}
	for (const wildcard of requested.filter(isWildcard)) {
		const found = registry.findWildcard(wildcard);
		if (!found) denied.push({ topic: wildcard, reason: 'unknown' });
		else if (found.definition.access !== 'granted') {
			denied.push({ topic: wildcard, reason: 'forbidden' });
		} else {
			for (const scope of grants.open.keys()) {
				const whole = found.pattern.topicOf(scope, wildcard);
				if (whole === null) continue;
				if (!isWildcard(whole)) {
					carry(whole, found, wildcard);
					continue;
				}
				scopes.add(scope);
				// One more, so that it is told that there are more.
				const most = MAX_CARRIED + 1;
				const below = await readKnownTopics(pool, whole, { most, signal });
				for (const topic of below) carry(topic, found, wildcard);
				if (below.length === most) {
					full.push({ name: whole, pattern: found.pattern, last: below.at(-1)! });
				}
			}
		}
	}
	const since = await readSince(pool, viewer.id, nested, signal);
	for (const topic of nested.keys()) {
		const carried = topics.get(topic)!;
		const first = since.get(topic);
		// Its last grant has ended since the grants were read, so it is not among those that are `closed`.
		if (first === undefined) {
			topics.delete(topic);
			denied.push({ topic, reason: 'revoked' });
		} else {
			const floor = registry.get(topic)?.history === 'since-granted' ? first : 0n;
			topics.set(topic, { ...carried, since: first, floor });
		}
	}
	const { position, closed, unsettled } = grants;
	return { topics, denied, unsettled, position, closed, scopes: [...scopes], full };
}

/** Scopes that would open the named topics which no grant opens. A wildcard is no such topic: it may bring topics later. */
function missingScopes(
	registry: TopicRegistry,
	requested: readonly string[],
	open: UserGrants['open']
): string[] {
	return requested.flatMap((name) => {
		const found = isWildcard(name) ? undefined : registry.find(name);
		if (found?.definition.access !== 'granted') return [];
		const scopes = found.pattern.scopesOf(name);
		return scopes.some((scope) => open.has(scope)) ? [] : scopes;
	});
}

/**
 * Returns what a viewer may see of some topics now, for pages and history.
 *
 * @throws LoglineError `invalid_topics`, `forbidden_topic`, `invalid_user`
 * @throws GrantsUnsettled the log is behind by more than a second
 */
export async function requireTopics(
	parts: { topics: TopicRegistry; pool: Queryable },
	viewer: Viewer,
	names: readonly string[]
): Promise<ReadonlyMap<string, CarriedTopic>> {
	for (const name of names)
		if (!parts.topics.find(name)) throw noSuchTopic(parts.topics, name, viewer);
	const { topics, unsettled } = await readCarried(parts, viewer, names, END);
	for (const name of names) {
		if (!topics.has(name)) throw unsettled ? new GrantsUnsettled() : forbidden(name);
	}
	return topics;
}
