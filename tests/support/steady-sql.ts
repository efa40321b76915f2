/**
 * A client for tests that kill Postgres or their own connection. It is used like the driver's, whose plain pool can crash or
 * hang then (decisions/004), but its sessions are ours.
 */
import postgres from 'postgres';
import type { Sql } from '../../src/app/driver-client.ts';
import { Lanes, type LanesOptions } from '../../src/lib/server/database/lanes.ts';
import type { PgSession } from '../../src/lib/server/database/pg-session.ts';

type Ask = (query: (sql: Sql) => PromiseLike<unknown>) => Promise<unknown>;
type Tag = (first: unknown, ...rest: unknown[]) => PromiseLike<unknown>;

/** Makes the parts of statements. It never connects. */
const helpers = postgres();

/** Opens a client: tagged and `unsafe` statements, `json`, `begin` and `end`. The caller must end it. */
export function openSteady(url: string, options: LanesOptions): Sql {
	const lanes = new Lanes(url, { answerMs: 60_000, ...options });
	const client = clientOn((query) => lanes.use((session) => session.ask(query)));
	return Object.assign(client, {
		begin: (work: (tx: unknown) => unknown) => lanes.use((session) => transaction(session, work)),
		end: ({ timeout = 5 } = {}) => lanes.end(timeout * 1000)
	}) as unknown as Sql;
}

/** Works with a client of one connection, and ends it. */
export async function withSteady<T>(url: string, work: (sql: Sql) => Promise<T>): Promise<T> {
	const sql = openSteady(url, { size: 1, name: 'test once' });
	try {
		return await work(sql);
	} finally {
		await sql.end();
	}
}

function clientOn(ask: Ask) {
	/** Like a query of the driver, it runs when it is awaited. */
	const lazy = (query: (sql: Sql) => PromiseLike<unknown>) => {
		let asked: Promise<unknown> | undefined;
		const run = () => (asked ??= ask(query));
		const then: Promise<unknown>['then'] = (resolve, reject) => run().then(resolve, reject);
		return {
			then,
			catch: (reject: (error: unknown) => unknown) => run().catch(reject),
			finally: (over: () => void) => run().finally(over)
		};
	};
	const tag: Tag = (first, ...rest) =>
		Array.isArray((first as TemplateStringsArray).raw)
			? lazy((sql) => (sql as unknown as Tag)(first, ...rest))
			: (helpers as unknown as Tag)(first, ...rest);
	return Object.assign(tag, {
		unsafe: (...query: Parameters<Sql['unsafe']>) => lazy((sql) => sql.unsafe(...query)),
		json: (value: postgres.JSONValue) => helpers.json(value)
	});
}

async function transaction(session: PgSession, work: (tx: unknown) => unknown): Promise<unknown> {
	let line: Promise<unknown> = Promise.resolve();
	const ask: Ask = (query) => {
		const asked = line.then(() => session.ask(query));
		line = asked.catch(() => undefined);
		return asked;
	};
	await session.run('begin');
	let forget = () => {};
	const lost = new Promise<never>((_, reject) => (forget = session.onLost(reject)));
	try {
		const result = await Promise.race([work(clientOn(ask)), lost]);
		await session.run('commit');
		return result;
	} catch (error) {
		await session.run('rollback').catch(() => session.destroy());
		throw error;
	} finally {
		forget();
	}
}
