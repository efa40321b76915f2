import type { SSEClient } from '../../src/lib/client/index.ts';
import type { TestUser } from '../support/app-server.ts';
import { until } from '../support/until.ts';
import { Journal } from './journal.ts';
import { PageReader } from './page-reader.ts';
import { PlainReader } from './plain-reader.ts';
import type { Random } from './random.ts';
import { RawReader } from './raw-reader.ts';
import type { Habits, Reader, ReaderParts } from './reader.ts';
import { SSEClientReader } from './sse-client-reader.ts';
import { FAT } from './topics.ts';
import type { World } from './world.ts';

type Make = 'client' | 'plain' | 'pages' | 'raw';

/** The readers of each user. */
const READERS: readonly { make: Make; topics: string[]; habits: Habits }[] = [
	{ make: 'client', topics: ['a', 'b', 'c'], habits: {} },
	{ make: 'client', topics: ['a', 'd'], habits: { toggles: ['c', 'd', 'e'] } },
	{ make: 'client', topics: ['c', 'd'], habits: { dies: true, toggles: ['e'] } },
	{ make: 'plain', topics: ['a', 'b', 'd', 'e'], habits: {} },
	{ make: 'pages', topics: ['a', 'c', 'd'], habits: {} },
	{ make: 'raw', topics: ['b', 'c'], habits: { toggles: ['c', 'd', 'e'] } },
	{ make: 'raw', topics: ['a', 'c', 'e'], habits: { pauses: true } },
	{ make: 'raw', topics: ['c', 'd'], habits: { dies: true, toggles: ['d', 'e'], pauses: true } }
];

/** All readers. */
export class Readers {
	readonly all: Reader[];
	/** Readers that stall on request: one per user. */
	readonly stallers: readonly RawReader[];

	constructor(world: World, random: Random, Client: typeof SSEClient) {
		const partsOf = (user: TestUser, name: string): ReaderParts => ({
			origin: world.origin,
			user,
			random: random.fork(name),
			journal: new Journal(name, user.id),
			topics: [FAT],
			habits: {}
		});
		this.stallers = world.users.map((user) => new RawReader(partsOf(user, `${user.name}-staller`)));
		this.all = world.users.flatMap((user) =>
			READERS.map(({ make, topics, habits }, i) => {
				const parts = { ...partsOf(user, `${user.name}-${make}-${i}`), topics, habits };
				if (make === 'client') return new SSEClientReader(parts, Client);
				if (make === 'pages') return new PageReader(parts);
				return make === 'plain' ? new PlainReader(parts) : new RawReader(parts);
			})
		);
		this.all.push(...this.stallers);
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
	 * Resolves when each reader has received `caught-up` after `since`, and has a cursor at or beyond `head`.
	 *
	 * @throws Error that names the readers that have not
	 */
	async caughtUp(head: number, since: number, timeoutMs: number): Promise<void> {
		const late = () =>
			this.all.filter(
				({ journal, cursor }) =>
					journal.topics.length > 0 && (journal.caughtUpAt < since || cursor < head)
			);
		await this.#none(late, `caught up to ${head}`, timeoutMs);
	}

	/** Resolves when each reader that is subscribed to the topic has received an event for everyone. */
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
