import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { migrate } from '../../drizzle/migrate.ts';
import { Random } from '../faults/random.ts';
import { createUser, type TestUser } from '../support/app-server.ts';
import { startServer, type PrivateServer } from '../support/private-server.ts';
import { until } from '../support/until.ts';
import { Visit } from './people.ts';
import { RoomServer } from './room-server.ts';

/** The long form: `LOGLINE_PRESENCE=1`. */
const LONG = process.env.LOGLINE_PRESENCE === '1';
const PEOPLE = LONG ? 200 : 20;
/** At least: the short form ends when each kind of fault has been there. */
const FOR_MS = LONG ? 180_000 : 5000;
/** The short form stands still for less than a lease; presence.test.ts does so for longer. */
const STILL_MS = LONG ? 14_000 : 5000;
const SEED = Number(process.env.LOGLINE_SEED ?? 1);
const SCOPES = ['lobbies/1', 'lobbies/2', 'lobbies/3'];

/** Somebody who comes and goes. */
interface Person {
	user: TestUser;
	scope: string;
	/** null: away. */
	visit: Visit | null;
}

let database: PrivateServer;
let servers: RoomServer[] = [];
let people: Person[] = [];
afterEach(async () => {
	for (const { visit } of people) visit?.close();
	for (const server of servers) await server.kill9();
	await database.remove();
});

test(
	'whatever dies while people come and go: ten seconds later every list is the truth',
	async () => {
		const random = new Random(SEED);
		const dice = random.fork('people');
		database = await startServer({ fsync: 'off' }, { inMemory: true });
		await migrate(database.url);
		servers = await Promise.all([1, 2, 3].map(() => RoomServer.start(database.url)));
		people = [];
		for (let n = 0; n < PEOPLE; n++) {
			const user = await createUser(database.url, `p${n}`);
			people.push({ user, scope: dice.pick(SCOPES), visit: null });
		}
		/** Servers that are killed or stopped. */
		const down = new Set<RoomServer>();

		/** A client whose stream has ended comes back, as an SSEClient does. */
		const come = (person: Person) => {
			person.visit?.close();
			const up = servers.filter((server) => !down.has(server));
			person.visit = new Visit(dice.pick(up), person.user, person.scope);
		};
		const tend = () => {
			for (const person of people) if (person.visit?.client.ended) come(person);
		};
		const faults: [string, () => Promise<void>][] = [
			['kill a server', () => away((server) => server.kill9().then(() => server.restart()))],
			[
				'stop a server for a while',
				() =>
					away(async (server) => {
						server.suspend();
						await pause(dice.between(1000, STILL_MS));
						server.resume();
					})
			],
			['kill the database', () => database.kill9().then(() => database.start())],
			['restart the database', () => database.stop().then(() => database.start())]
		];
		async function away(work: (server: RoomServer) => Promise<void>): Promise<void> {
			const server = dice.pick(servers);
			down.add(server);
			await work(server);
			down.delete(server);
		}

		const end = Date.now() + FOR_MS;
		const goesOn = () => Date.now() < end || done.length < faults.length;
		const done: string[] = [];
		let fault: Promise<void> | null = null;
		let n = 0;
		while (goesOn() || fault) {
			tend();
			const person = dice.pick(people);
			if (person.visit && dice.chance(0.5)) {
				person.visit.close();
				person.visit = null;
			} else come(person);
			if (!fault && goesOn()) {
				// Each kind in turn, so that the short form has them all.
				const [what, work] = faults[n++ % faults.length]!;
				done.push(what);
				fault = work().finally(() => (fault = null));
			}
			await pause(dice.between(5, 100));
		}

		const names = (scope: string) =>
			people
				.filter((person) => person.visit && person.scope === scope)
				.map(({ user }) => user.name)
				.sort()
				.join(' ');
		const wrong = () => {
			tend();
			return people.flatMap(({ user, scope, visit }) =>
				!visit || visit.names === names(scope)
					? []
					: [`${user.name} in ${scope}: sees ${visit.names}, there are ${names(scope)}`]
			);
		};
		await until(() => wrong().length === 0, {
			what: 'every list is the truth',
			timeoutMs: 10_000
		}).catch(() => undefined);
		expect(wrong(), `seed ${SEED}, after ${done.join(', ')}`).toEqual([]);
		expect(done.length).toBeGreaterThanOrEqual(faults.length);
	},
	FOR_MS + 120_000
);
