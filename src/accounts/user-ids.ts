import { arrayLiteral, type Queryable } from 'logline/postgres';

/**
 * Finds the ids of users by their names, upper or lower case, as at sign-in.
 *
 * @returns for each name its user's id; undefined: there is no such user
 */
export async function findUserIDs(
	pool: Queryable,
	usernames: readonly string[]
): Promise<(string | undefined)[]> {
	const rows = await pool.query<{ n: number; id: string }>(
		`SELECT i.n::int AS n, u.id FROM unnest($1::text[]) WITH ORDINALITY AS i(name, n)
		JOIN users AS u ON lower(u.username) = lower(i.name)`,
		[arrayLiteral(usernames)]
	);
	const found = new Map(rows.map(({ n, id }) => [n, id]));
	return usernames.map((_, i) => found.get(i + 1));
}
