import { ANY, isParamValue, isWildcard } from '../../protocol/index.ts';

/** @returns true when the two names, topics or wildcards, can stand for the same topic, as far as their form says */
export function overlap(a: string, b: string): boolean {
	const parts = a.split('/');
	const others = b.split('/');
	return (
		parts.length === others.length &&
		parts.every((part, i) => part === others[i] || fits(part, others[i]!) || fits(others[i]!, part))
	);
}

const fits = (part: string, other: string) => part === ANY && isParamValue(other);

/** @returns true when a stream that carries some names sends the events of `wanted`, a topic or wildcard, unless it says that it does not */
export function carries(carried: readonly string[], wanted: string): boolean {
	if (carried.includes(wanted)) return true;
	return !isWildcard(wanted) && carried.some((name) => overlap(name, wanted));
}

/** @returns true when a stream that carries some names sends all events of the others */
export const covers = (carried: readonly string[], wanted: readonly string[]): boolean =>
	wanted.every((name) => carries(carried, name));

/**
 * A stream says only of one topic that a wildcard has no room for it, and not of those behind it. And who asks for a wildcard that
 * is denied is not told of its topics.
 *
 * @param lack a topic or wildcard that the stream does not carry
 * @returns true when events of `wanted` may be missing on the stream
 */
export const mayLack = (
	carried: readonly string[],
	lack: string,
	wanted: readonly string[]
): boolean =>
	wanted.some(
		(name) =>
			overlap(name, lack) ||
			(!carried.includes(name) &&
				carried.some((each) => overlap(each, name) && overlap(each, lack)))
	);
