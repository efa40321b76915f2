import type { Database } from '../../src/app/database.ts';
import type { Queryable } from '../../src/lib/server/index.ts';
import type { Sql } from '../../src/app/driver-client.ts';

/** Lets a plain client of a test run the library's statements. */
export function queryable(sql: Sql): Queryable {
	return {
		query: async <Row extends object>(text: string, parameters: (string | number | null)[]) => [
			...(await sql.unsafe<Row[]>(text, parameters, { prepare: true }))
		]
	};
}

/** Runs SQL on the application's pool for requests, written as with the driver. */
export const sqlOn =
	({ pool }: Pick<Database, 'pool'>) =>
	<Rows extends object[] = Record<string, unknown>[]>(
		texts: TemplateStringsArray,
		...values: (string | number | null)[]
	): Promise<Rows> => {
		const text = texts.reduce((before, part, n) => `${before}$${n}${part}`);
		return pool.query<Rows[number]>(text, values) as Promise<Rows>;
	};
