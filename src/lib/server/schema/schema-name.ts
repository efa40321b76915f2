/** Where the log's tables are by default. */
export const DEFAULT_SCHEMA = 'public';

/** Longest name that Postgres keeps whole, in octets. */
const MAX_OCTETS = 63;

/**
 * Checks the name of a schema.
 *
 * @throws Error that says what a name must be
 */
export function checkSchemaName(name: string): void {
	const octets = Buffer.byteLength(name);
	if (octets < 1 || octets > MAX_OCTETS || name.includes('\0') || /^pg_/i.test(name)) {
		throw new Error(
			`"${name.slice(0, 80)}" cannot be the schema of a log: a name has 1 to ${MAX_OCTETS} octets, no NUL, and does not begin with pg_.`
		);
	}
}

/** Returns the setting by which a connection finds the log's tables. */
export function schemaSettings(name: string): { search_path: string } {
	// `pg_temp` comes last, so that a temporary table cannot take the place of a table of the log.
	return { search_path: `"${name.replaceAll('"', '""')}", pg_temp` };
}
