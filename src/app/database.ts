import {
	openDatabase as open,
	queryable,
	type Database as Opened
} from '$lib/server/database/client.ts';
import type { Queryable } from '$lib/server/database/client.ts';

export type Database = Opened & { pool: Queryable };

export function openDatabase(...options: Parameters<typeof open>): Database {
	const database = open(...options);
	return { ...database, pool: queryable(database.sql) };
}
