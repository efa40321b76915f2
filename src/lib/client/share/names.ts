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

/** @returns true when a stream that carries some names sends the events of `wanted`, a topic or wildcard */
export function carries(carried: readonly string[], wanted: string): boolean {
	if (carried.includes(wanted)) return true;
	return !wanted.split('/').includes(ANY) && carried.some((name) => overlap(name, wanted));
}

/** @returns true when a stream that carries some names sends all events of the others */
export const covers = (carried: readonly string[], wanted: readonly string[]): boolean =>
	wanted.every((name) => carries(carried, name));
