import type { Topic } from 'logline';
import { failureOf, type Logline, type SignedInViewer } from 'logline/server';

/** A value that is read by SQL, and the topics whose events may change it. */
export interface LiveQuery {
	topics: readonly Topic[];
	read(viewer: SignedInViewer): Promise<string>;
}

/**
 * Yields the values of some queries, and again those that an event may have changed. All queries follow the log together, so
 * they need one place among the viewer's streams, and a page needs one connection for all of them.
 *
 * The position comes before the values: what is written between the two is read, and then read once more. Events that come
 * while values are read are one change. Ends when this server shuts down.
 *
 * @throws LoglineError `unauthorized`: the session has ended; `too_many_connections`
 */
export async function* liveValues<Name extends string>(
	logline: Pick<Logline, 'read' | 'watch'>,
	viewer: SignedInViewer,
	queries: Readonly<Record<Name, LiveQuery>>
): AsyncGenerator<Partial<Record<Name, string>>, void, void> {
	const names = Object.keys(queries) as Name[];
	const topics = [...new Set(names.flatMap((name) => queries[name].topics))];
	const leaving = new AbortController();
	const stale = new Set<Name>(names);
	const { cursor } = await logline.read(viewer, []);
	let changed: () => void = () => undefined;
	const following = (async () => {
		const watched = logline.watch(topics, { viewer, after: cursor, signal: leaving.signal });
		for await (const { topic } of watched) {
			for (const name of names) if (queries[name].topics.includes(topic)) stale.add(name);
			changed();
		}
	})();
	const over = following.then(
		() => 'over' as const,
		(error: unknown) => ({ error })
	);
	try {
		for (;;) {
			const change = new Promise<'changed'>((resolve) => (changed = () => resolve('changed')));
			const some = [...stale];
			stale.clear();
			const values = await Promise.all(some.map((name) => queries[name].read(viewer)));
			yield Object.fromEntries(some.map((name, i) => [name, values[i]])) as Record<Name, string>;
			const next = stale.size > 0 ? 'changed' : await Promise.race([change, over]);
			if (next === 'over') return;
			if (next !== 'changed') {
				if (failureOf(next.error)?.code === 'watch_ended') return;
				throw next.error;
			}
		}
	} finally {
		leaving.abort();
		await over;
	}
}
