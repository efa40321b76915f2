/** A topic of the oracle. It restates what TEST_TOPICS declares, so that it does not trust the code under test. */
export interface Place {
	readonly topic: string;
	/** A grant of one of them shows the topic. Empty: everybody sees it. */
	readonly scopes: readonly string[];
	/** True: only what came after the grant is shown. */
	readonly sinceGranted: boolean;
	/** How many older events a new client gets. null: all. */
	readonly replay: number | null;
}

const place = (topic: string, scopes: string[], how: Partial<Place> = {}): Place => ({
	topic,
	scopes,
	sinceGranted: false,
	replay: null,
	...how
});
const project = (org: number, n: number) =>
	place(`orgs/${org}/projects/${n}/log`, [`orgs/${org}`, `orgs/${org}/projects/${n}`]);

export const PLACES: readonly Place[] = [
	place('a', []),
	...[1, 2, 3].map((n) => place(`rooms/${n}/messages`, [`rooms/${n}`])),
	...[1, 2].map((n) => place(`clubs/${n}/news`, [`clubs/${n}`], { sinceGranted: true })),
	...[1, 2].map((n) => place(`desks/${n}/lines`, [`desks/${n}`], { replay: 3 })),
	project(7, 1),
	project(7, 2),
	project(7, 3),
	project(8, 3),
	...[7, 8].map((org) => place(`orgs/${org}/chat`, [`orgs/${org}`]))
];

export const SCOPES: readonly string[] = [...new Set(PLACES.flatMap(({ scopes }) => scopes))];

const BY_TOPIC = new Map(PLACES.map((each) => [each.topic, each]));

/** @throws Error when the oracle has no such topic */
export function placeOf(topic: string): Place {
	const found = BY_TOPIC.get(topic);
	if (!found) throw new Error(`The oracle has no topic "${topic}"`);
	return found;
}

/** @returns true when the topic was asked for by this name or wildcard */
export function fits(name: string, topic: string): boolean {
	const parts = topic.split('/');
	const wanted = name.split('/');
	return (
		wanted.length === parts.length &&
		wanted.every((part, i) => part === parts[i] || (part === '*' && i > 0))
	);
}

/** The name that decides about a topic: its own, or else the first wildcard that brings it. */
export function deciderOf(topic: string, names: Iterable<string>): string | undefined {
	const all = [...names];
	return all.includes(topic) ? topic : all.find((name) => fits(name, topic));
}
