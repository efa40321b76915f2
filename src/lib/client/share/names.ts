import { ANY } from '../../protocol/index.ts';

/** @returns true when the two names, topics or wildcards, can stand for the same topic */
export function overlap(a: string, b: string): boolean {
	const parts = a.split('/');
	const others = b.split('/');
	return (
		parts.length === others.length &&
		parts.every((part, i) => part === others[i] || part === ANY || others[i] === ANY)
	);
}

/**
 * Decides whether a stream that carries some names sends for `wanted` exactly what a stream for `wanted` alone would send. A
 * topic that is named, too, is not announced for a wildcard. So the other names must not overlap.
 */
export function covers(carried: readonly string[], wanted: readonly string[]): boolean {
	return (
		wanted.every((name) => carried.includes(name)) &&
		carried.every((name) => wanted.includes(name) || !wanted.some((mine) => overlap(name, mine)))
	);
}

/** Most names of one stream: what the server allows if nobody has changed it (SSE_MAX_TOPICS). */
const MOST = 32;

/** Returns the names that one stream carries for a tab and, as far as possible, for others. */
export function unite(own: readonly string[], others: Iterable<readonly string[]>): string[] {
	let names = [...own];
	for (const wanted of others) {
		const more = [...new Set([...names, ...wanted])];
		if (more.length <= MOST && covers(more, wanted) && covers(more, names)) names = more;
	}
	return names;
}
