/** Is told what a batch changes for a user, before anybody gets the batch. */
export interface Watcher {
	/** Read once, when the watching begins. */
	readonly userId: string;
	/** Scopes, such as `orgs/7`, whose topics it wants to hear of. Read once, when the watching begins. */
	readonly scopes?: readonly string[];
	/**
	 * The user was granted a scope, or lost one.
	 *
	 * @param id greatest id of such an event in the batch
	 * @param before position of every live member before this batch
	 * @param lost the scopes that the user lost; null: one whose name cannot be read
	 */
	accessChanged(id: bigint, before: bigint, lost: readonly (string | null)[]): void;
	/** The batch has events of a topic in one of the scopes. Called once per batch and topic. */
	topicAppeared?(topic: string, before: bigint): void;
}

/** A watcher, from the beginning to the end of its watching. */
interface Watch {
	readonly watcher: Watcher;
	ended: boolean;
}

/** Topics of the log's own events that tell a user's change of access. */
const GRANTED = '$granted';
const REVOKED = '$revoked';

/** What a watcher needs to know of an event. */
interface Watched {
	readonly id: bigint;
	readonly topic: string;
	readonly userId: string | null;
	/** JSON */
	readonly data: string | null;
}

/** The watchers, found by user and by scope. */
export class Watchers {
	readonly #byUser = new Map<string, Set<Watch>>();
	readonly #byScope = new Map<string, Set<Watch>>();

	/** @returns ends the watching; calling it again does nothing */
	add(watcher: Watcher): () => void {
		const { userId } = watcher;
		const scopes = watcher.topicAppeared ? new Set(watcher.scopes) : [];
		const watch: Watch = { watcher, ended: false };
		insert(this.#byUser, userId, watch);
		for (const scope of scopes) insert(this.#byScope, scope, watch);
		return () => {
			watch.ended = true;
			remove(this.#byUser, userId, watch);
			for (const scope of scopes) remove(this.#byScope, scope, watch);
		};
	}

	/** Tells each watcher what the batch has for it. A watcher may end itself and others, and add some. */
	tell(batch: readonly Watched[], before: bigint): void {
		if (this.#byUser.size === 0) return;
		// The whole list comes first: a watcher that is added by a call does not hear of this batch.
		const changed = this.#changed(batch);
		const appeared = this.#byScope.size > 0 ? this.#appeared(batch) : [];
		for (const [watch, { id, lost }] of changed) {
			if (!watch.ended) watch.watcher.accessChanged(id, before, lost);
		}
		for (const { watch, topic } of appeared) {
			if (!watch.ended) watch.watcher.topicAppeared?.(topic, before);
		}
	}

	#changed(batch: readonly Watched[]): Map<Watch, { id: bigint; lost: (string | null)[] }> {
		const changed = new Map<Watch, { id: bigint; lost: (string | null)[] }>();
		for (const { id, topic, userId, data } of batch) {
			if (userId === null || (topic !== GRANTED && topic !== REVOKED)) continue;
			for (const watch of this.#byUser.get(userId) ?? []) {
				const lost = changed.get(watch)?.lost ?? [];
				if (topic === REVOKED) lost.push(scopeOf(data));
				changed.set(watch, { id, lost });
			}
		}
		return changed;
	}

	#appeared(batch: readonly Watched[]): { watch: Watch; topic: string }[] {
		const appeared: { watch: Watch; topic: string }[] = [];
		for (const topic of new Set(batch.map((event) => event.topic))) {
			// One scope may lie in another one, and a watcher may have both.
			const watches = new Set<Watch>();
			for (let end = topic.indexOf('/'); end >= 0; end = topic.indexOf('/', end + 1)) {
				for (const watch of this.#byScope.get(topic.slice(0, end)) ?? []) watches.add(watch);
			}
			for (const watch of watches) appeared.push({ watch, topic });
		}
		return appeared;
	}
}

/** Null: the event was written by hand, or is one that Postgres does not return. */
function scopeOf(data: string | null): string | null {
	const told: unknown = data === null ? null : JSON.parse(data);
	if (typeof told !== 'object' || told === null || !('scope' in told)) return null;
	return typeof told.scope === 'string' ? told.scope : null;
}

function insert(map: Map<string, Set<Watch>>, key: string, watch: Watch): void {
	const set = map.get(key);
	if (set) set.add(watch);
	else map.set(key, new Set([watch]));
}

function remove(map: Map<string, Set<Watch>>, key: string, watch: Watch): void {
	const set = map.get(key);
	set?.delete(watch);
	if (set?.size === 0) map.delete(key);
}
