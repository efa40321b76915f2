import type { Sql } from '../../../src/app/driver-client.ts';
import { until } from '../../support/until.ts';
import type { Ledger } from '../ledger.ts';
import type { Random } from '../random.ts';
import type { ClientParts, RoomClient } from './client.ts';
import type { Heads } from './heads.ts';
import { RoomJournal } from './journal.ts';
import { RawClient } from './raw-client.ts';
import type { RoomsWorld } from './world.ts';

const ALL = ['rooms/*/messages', 'clubs/*/news', 'desks/*/lines', 'orgs/*/projects/*/log'];

/** The clients of each user. All have a topic for everybody, so no request is refused. `anonymous`: it sends no `client=`. */
const CLIENTS: readonly { names: string[]; toggles?: string[]; anonymous?: boolean }[] = [
	{ names: ['a', ...ALL] },
	{ names: ['a', 'rooms/1/messages', 'clubs/1/news', 'desks/1/lines', 'orgs/7/projects/3/log'] },
	{
		names: [
			'a',
			'rooms/*/messages',
			'rooms/1/messages',
			'orgs/7/projects/*/log',
			'orgs/7/projects/3/log',
			'orgs/*/chat'
		]
	},
	{
		names: ['a', 'orgs/*/projects/3/log', 'clubs/*/news', 'desks/2/lines'],
		toggles: ['orgs/*/projects/3/log', 'clubs/*/news', 'desks/2/lines']
	},
	{
		names: ['a', 'rooms/*/messages', 'clubs/2/news'],
		toggles: ['rooms/*/messages', 'clubs/2/news']
	},
	{ names: ['a', 'rooms/*/messages', 'clubs/1/news', 'orgs/*/projects/*/log'], anonymous: true }
];

/** All clients. */
export class RoomClients {
	private constructor(readonly all: readonly RoomClient[]) {}

	static async create(world: RoomsWorld, random: Random, heads: Heads): Promise<RoomClients> {
		const all: RoomClient[] = [];
		for (const user of world.users) {
			for (const [i, { names, toggles = [], anonymous }] of CLIENTS.entries()) {
				const name = `${user.name}-raw-${i}`;
				const journal = new RoomJournal(name, anonymous ? '' : name, user.id, 'wire');
				const proxy = await world.openWay();
				const parts: ClientParts = {
					proxy,
					user,
					random: random.fork(name),
					heads,
					journal,
					names,
					toggles
				};
				all.push(new RawClient(parts));
			}
		}
		return new RoomClients(all);
	}

	start(): void {
		for (const client of this.all) client.start();
	}

	settle(): void {
		for (const client of this.all) client.settle();
	}

	stop(): void {
		for (const client of this.all) client.stop();
	}

	/**
	 * Appends a last event, and resolves when each client has it and a cursor at or beyond it.
	 *
	 * @throws Error that names the clients that have not
	 */
	async caughtUp(sql: Sql, ledger: Ledger, timeoutMs: number): Promise<void> {
		const fact = ledger.declare({
			tag: 'last',
			topic: 'a',
			userId: null,
			key: null,
			business: false
		});
		const [row] = await sql<{ id: number }[]>`
			insert into events (topic, data) values ('a', '{"tag": "last"}') returning id::float8 as id`;
		ledger.acknowledge(fact, row!.id);
		const late = () =>
			this.all.filter(({ journal, cursor }) => cursor < row!.id || !journal.hasSeen('last'));
		try {
			await until(() => late().length === 0, { timeoutMs, everyMs: 100 });
		} catch (cause) {
			const names = late().map(({ journal, cursor }) => `${journal.name} (at ${cursor})`);
			throw new Error(`Not at ${row!.id} within ${timeoutMs / 1000} s: ${names.join(', ')}`, {
				cause
			});
		}
	}
}
