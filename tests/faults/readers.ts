import type { SSEClient } from '../../src/lib/client/index.ts';
import { until } from '../support/until.ts';
import { Journal } from './journal.ts';
import { PlainReader } from './plain-reader.ts';
import type { Random } from './random.ts';
import { RawReader } from './raw-reader.ts';
import type { Habits, Reader, ReaderParts } from './reader.ts';
import { SSEClientReader } from './sse-client-reader.ts';
import type { World } from './world.ts';

type Make = 'client' | 'plain' | 'raw';

/** The readers of each user. */
const READERS: readonly { make: Make; topics: string[]; habits: Habits }[] = [
	{ make: 'client', topics: ['a', 'b', 'c'], habits: {} },
	{ make: 'client', topics: ['a', 'd'], habits: { toggles: ['c', 'd', 'e'] } },
	{ make: 'client', topics: ['c', 'd'], habits: { dies: true, toggles: ['e'] } },
	{ make: 'plain', topics: ['a', 'b', 'd', 'e'], habits: {} },
	{ make: 'raw', topics: ['b', 'c'], habits: { toggles: ['c', 'd', 'e'] } },
	{ make: 'raw', topics: ['a', 'c', 'e'], habits: { pauses: true } },
	{ make: 'raw', topics: ['c', 'd'], habits: { dies: true, toggles: ['d', 'e'], pauses: true } }
];

/** Everybody who reads. */
export class Readers {
	readonly all: Reader[];

	constructor(world: World, random: Random, Client: typeof SSEClient) {
		this.all = world.users.flatMap((user) =>
			READERS.map(({ make, topics, habits }, i) => {
				const name = `${user.username}-${make}-${i}`;
				const parts: ReaderParts = {
					origin: world.origin,
					user,
					random: random.fork(name),
					journal: new Journal(name, user.userId),
					topics,
					habits
				};
				if (make === 'client') return new SSEClientReader(parts, Client);
				return make === 'plain' ? new PlainReader(parts) : new RawReader(parts);
			})
		);
	}

	start(): void {
		for (const reader of this.all) reader.start();
	}

	settle(): void {
		for (const reader of this.all) reader.settle();
	}

	stop(): void {
		for (const reader of this.all) reader.stop();
	}

	/**
	 * Resolves when each has been told, after `since`, that it has caught up, and has a cursor at or beyond `head`.
	 *
	 * @throws Error that names those that have not.
	 */
	async caughtUp(head: number, since: number, timeoutMs: number): Promise<void> {
		const late = () =>
			this.all.filter(
				({ journal, cursor }) =>
					journal.topics.length > 0 && (journal.caughtUpAt < since || cursor < head)
			);
		await this.#none(late, `caught up to ${head}`, timeoutMs);
	}

	/** Resolves when each that is subscribed to the topic has seen an event that is for everyone. */
	async haveSeen(topic: string, tag: string, timeoutMs: number): Promise<void> {
		const late = () =>
			this.all.filter(
				({ journal }) => journal.topics.includes(topic) && !journal.hasSeen(topic, tag)
			);
		await this.#none(late, `seen ${tag}`, timeoutMs);
	}

	async #none(late: () => Reader[], what: string, timeoutMs: number): Promise<void> {
		try {
			await until(() => late().length === 0, { timeoutMs, everyMs: 50 });
		} catch (cause) {
			const names = late().map(({ journal, cursor }) => `${journal.name} (at ${cursor})`);
			throw new Error(`Not ${what} within ${timeoutMs / 1000} s: ${names.join(', ')}`, { cause });
		}
	}
}
