/** A topic or wildcard as a client asks for it. */
export interface Wanted {
	name: string;
	n: number;
	/** Id of the last event that the client handled. 0: none. */
	last: number;
	/** `name@n` */
	key: string;
}

export function readRequest(topics: readonly string[]): Wanted[] {
	return topics.map((text) => {
		const [, name, n, last] = /^([^@]+)@([0-9]+)(?::([0-9]+))?$/.exec(text) ?? [];
		if (name === undefined) throw new Error(`The client asked for "${text}"`);
		if (isWildcard(name) && last !== undefined) throw new Error(`"${text}" has the id of a topic`);
		return { name, n: Number(n), last: Number(last ?? 0), key: `${name}@${n}` };
	});
}

export const isWildcard = (name: string): boolean => name.includes('*');

/** @returns true when the wildcard can bring the topic */
export function fits(wildcard: string, topic: string): boolean {
	const expected = wildcard.split('/');
	const parts = topic.split('/');
	return (
		isWildcard(wildcard) &&
		parts.length === expected.length &&
		parts.every((part, i) => expected[i] === '*' || expected[i] === part)
	);
}
