import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { createRegistry } from '../../src/lib/protocol/index.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { Writer } from '../../src/lib/server/log/append.ts';
import { declareTopics } from '../../src/lib/server/log/declarations.ts';
import { Relay } from '../../src/lib/server/log/relay.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

const schema = {
	'~standard': { version: 1 as const, vendor: 'test', validate: (value: unknown) => ({ value }) }
};

/** The declared topics of the log. */
export const REGISTRY = createRegistry([
	{ news: { schema }, answers: { schema }, 'docs/[doc]/edits': { schema } },
	{ 'rooms/[room]/messages': { schema, access: 'granted' } }
]);

/** A client for the test file's own log, see {@link useDeclaredLog}. */
export let sql: Sql;
let database: TestDatabase;
const writers: Writer[] = [];
const relays: Relay[] = [];
const children = new Set<ChildProcess>();

/** Gives the test file that calls it a log of its own, whose topics are declared. */
export function useDeclaredLog(): void {
	beforeAll(async () => {
		database = await createTestDatabase();
		sql = openClient(database.url, { max: 12, name: 'test sql' });
		const connection = new SoleConnection(database.url, { name: 'declare' });
		await declareTopics(connection, REGISTRY);
		await connection.end();
	});
	afterAll(async () => {
		await sql.end();
		await database.drop();
	});
	afterEach(async () => {
		for (const child of children) await kill(child);
		for (const relay of relays.splice(0)) await relay.stop();
		for (const writer of writers.splice(0)) await writer.close();
	});
}

/** Returns the URL, for connections of the test's own. */
export const databaseUrl = (): string => database.url;

/** The writer of a server. */
export function openWriter(
	connection = new SoleConnection(database.url, { name: 'writer' })
): Writer {
	const writer = new Writer(connection);
	writers.push(writer);
	return writer;
}

/** The relay of a server. */
export function startRelay(): Relay {
	const connection = new SoleConnection(database.url, { name: 'relay' });
	const relay = new Relay(connection, pino({ level: 'silent' }), { pollMs: 20 });
	relays.push(relay);
	relay.start();
	return relay;
}

/** Resolves when the relays have moved everything. */
export const moved = () =>
	until(async () => (await sql`select from outbox limit 1`).length === 0, {
		what: 'the outbox is empty'
	});

/** Forks one of this folder's processes, with the address of the database as its first argument. */
export function startProcess(file: string, ...argv: string[]): ChildProcess {
	const path = fileURLToPath(new URL(file, import.meta.url));
	const child = fork(path, [database.url, ...argv], { execArgv: ['--import', 'tsx'] });
	children.add(child);
	child.once('exit', () => children.delete(child));
	return child;
}

async function kill(child: ChildProcess): Promise<void> {
	const gone = once(child, 'exit');
	child.kill('SIGKILL');
	await gone;
}

/** The next message of a process. */
export async function told<T>(child: ChildProcess): Promise<T> {
	const [message] = (await once(child, 'message')) as [T];
	return message;
}

let named = 0;
/** A topic that no other test writes to. */
export const freshTopic = () => `docs/${++named}/edits`;

/** Ids and data of a topic, in order. */
export const eventsOf = async (topic: string): Promise<[id: string, data: unknown][]> =>
	(
		await sql<{ id: string; data: unknown }[]>`
			select id::text, data from events where topic = ${topic} order by events.id`
	).map(({ id, data }) => [id, data]);

/** What was set aside of a topic. */
export const setAside = async (topic: string) => [
	...(await sql`
		select data, producer, epoch::int, error from dead_letters where topic = ${topic} order by id`)
];
