/**
 * The part of postgres.js that drizzle uses, on connections of {@link Lanes}. A transaction of postgres.js can go on, on
 * another connection, after its own was lost, and can crash the process (decisions/004). This one ends with its session.
 */
import type postgres from 'postgres';
import type { Lanes, PgSession, TypeMaps } from 'logline/postgres';

type Ask = (query: (sql: postgres.Sql) => PromiseLike<unknown>) => Promise<unknown>;
type Work = (client: object) => unknown;

/**
 * Returns a client for `drizzle()`.
 *
 * @param lanes its sessions must have the same `types`
 * @param types drizzle puts its parsers and serializers here
 */
export function drizzleClient(lanes: Lanes, types: TypeMaps): postgres.Sql {
	const client = {
		options: types,
		unsafe: unsafeOn((query) => lanes.use((session) => session.ask(query))),
		begin: (work: Work) => lanes.use((session) => transaction(session, work))
	};
	return client as unknown as postgres.Sql;
}

/** Returns the driver's `unsafe`. As with the driver, the query runs when it is awaited. */
function unsafeOn(ask: Ask) {
	return (text: string, parameters: unknown[] = [], options?: postgres.UnsafeQueryOptions) => {
		const query = (sql: postgres.Sql) => sql.unsafe(text, parameters as never[], options);
		const rows: Promise<unknown>['then'] = (resolve, reject) => ask(query).then(resolve, reject);
		return { then: rows, values: () => ask((sql) => query(sql).values()) };
	};
}

async function transaction(session: PgSession, work: Work): Promise<unknown> {
	let isOver = false;
	let line: Promise<unknown> = Promise.resolve();
	/** A session runs one statement at a time; drizzle may send several at once. */
	const ask: Ask = (query) => {
		// A statement that comes late must not run in somebody else's transaction.
		if (isOver && session.isAlive) return Promise.reject(new Error('The transaction is over.'));
		const asked = line.then(() => session.ask(query));
		line = asked.catch(() => undefined);
		return asked;
	};
	let forget = () => {};
	const lost = new Promise<never>((_, reject) => {
		forget = session.onLost(reject);
	});
	lost.catch(() => undefined); // Told by the statements, and by the race below.
	try {
		await ask((sql) => sql.unsafe('begin'));
		const done = scope({ session, ask }, work, 'rollback').then(async (result) => {
			await ask((sql) => sql.unsafe('commit'));
			return result;
		});
		return await Promise.race([done, lost]);
	} finally {
		isOver = true;
		forget();
	}
}

/** Runs the work of a transaction or savepoint, and takes it back when the work or one of its statements fails. */
async function scope(
	{ session, ask }: { session: PgSession; ask: Ask },
	work: Work,
	takeBack: string,
	depth = 0
): Promise<unknown> {
	let failure: { error: unknown } | null = null;
	const own: Ask = (query) => {
		const asked = ask(query);
		// Postgres refuses to commit after a failed statement, even if the work has handled its error.
		asked.catch((error: unknown) => (failure ??= { error }));
		return asked;
	};
	let points = 0;
	const savepoint = async (inner: Work) => {
		const name = `s${depth}_${points++}`;
		await own((sql) => sql.unsafe(`savepoint ${name}`));
		return scope({ session, ask }, inner, `rollback to ${name}`, depth + 1);
	};
	const failed = () => failure;
	try {
		const result = await work({ unsafe: unsafeOn(own), savepoint });
		const statement = failed();
		if (statement) throw statement.error;
		return result;
	} catch (error) {
		// A transaction that cannot be rolled back must not stay open.
		await ask((sql) => sql.unsafe(takeBack)).catch(() => session.destroy());
		throw error;
	}
}
