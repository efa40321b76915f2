import {
	createRegistry,
	type Retention,
	type TopicRegistry
} from '../../src/lib/protocol/index.ts';
import { TEST_TOPICS } from '../support/app-server.ts';

/** A topic of large events, each for one user. Only readers that stall subscribe to it. */
export const FAT = 'fat';

/** Returns the topics of the checker's applications, and more. They have no retention. */
export const topicsAnd = (...names: string[]): TopicRegistry =>
	createRegistry([
		Object.fromEntries([
			...TEST_TOPICS,
			...names.map((name) => [name, TEST_TOPICS.get('a')!] as const)
		])
	]);

export const TOPICS: TopicRegistry = topicsAnd(FAT);

/** Returns a registry in which some topics have retention. */
export function trimmed(topics: readonly string[], retention: Retention): TopicRegistry {
	const { schema } = TEST_TOPICS.get('a')!;
	return createRegistry([
		Object.fromEntries(topics.map((topic) => [topic, { schema, retention }]))
	]);
}
