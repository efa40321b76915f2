import { createHash } from 'node:crypto';
import type { PgSession } from '../database/pg-session.ts';

/** A migration: one file of SQL. */
export interface Migration {
	/** File name without `.sql`. */
	name: string;
	text: string;
}

/** The result of a migration. */
export interface Migrated {
	/** Names of the applied migrations, in order. */
	applied: string[];
	/** Names that only the ledger has: a newer version applied them. */
	unknown: string[];
}

/** First line of a migration that cannot run in a transaction, for example one with CREATE INDEX CONCURRENTLY. */
const NO_TRANSACTION = '-- logline: no transaction';

/** Separates the statements of a file. */
const BREAK = '--> statement-breakpoint';

/**
 * Applies the migrations that are missing in a ledger, in the given order. Each runs in its own transaction: a failed one
 * leaves no changes, and the ones before it stay applied. A missing migration is applied even if later ones are applied
 * already.
 *
 * @param on the session that holds the migration lock
 * @param table name of the ledger; it is created where the connection creates tables
 * @throws Error with the name of a migration that was changed after it had been applied, or that fails
 */
export async function applyMigrations(
	on: PgSession,
	table: string,
	migrations: readonly Migration[]
): Promise<Migrated> {
	const known = await readLedger(on, table);
	for (const migration of migrations) {
		const row = known.get(migration.name);
		if (row === undefined || row.hash === hashOf(migration)) continue;
		throw new Error(
			`The migration ${migration.name}.sql was changed after it had been applied (${row.appliedAt}, see ${table}). ` +
				'Put it back as it was, and write what you want to change into a new migration. ' +
				'A database without data worth keeping: drop it (the embedded one: remove .data) and start again.'
		);
	}
	const applied: string[] = [];
	for (const migration of migrations) {
		if (known.has(migration.name)) continue;
		await apply(on, table, migration);
		applied.push(migration.name);
	}
	const here = new Set(migrations.map(({ name }) => name));
	return { applied, unknown: [...known.keys()].filter((name) => !here.has(name)).sort() };
}

const hashOf = ({ text }: Migration) => createHash('sha256').update(text).digest('hex');

async function readLedger(
	on: PgSession,
	table: string
): Promise<Map<string, { hash: string; appliedAt: string }>> {
	const [state] = await on.query<{ there: boolean }>(
		'SELECT to_regclass($1) IS NOT NULL AS there',
		[table]
	);
	if (!state!.there) {
		await on.run(`
			CREATE TABLE ${table} (
				name text PRIMARY KEY, hash text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
			);
			COMMENT ON TABLE ${table} IS 'The applied migrations.';
			COMMENT ON COLUMN ${table}.name IS 'Name of the file, without .sql.';
			COMMENT ON COLUMN ${table}.hash IS 'SHA-256 (hex) of its text when it was applied.';
			COMMENT ON COLUMN ${table}.applied_at IS 'When it was applied.'`);
	}
	const rows = await on.query<{ name: string; hash: string; at: string }>(
		`SELECT name, hash, applied_at::text AS at FROM ${table}`,
		[]
	);
	return new Map(rows.map(({ name, hash, at }) => [name, { hash, appliedAt: at }]));
}

async function apply(on: PgSession, table: string, migration: Migration): Promise<void> {
	const { name, text } = migration;
	const note = `INSERT INTO ${table} (name, hash) VALUES ('${name.replaceAll("'", "''")}', '${hashOf(migration)}')`;
	// Statements sent in one message are one transaction on one connection, even if the connection breaks.
	const messages = text.startsWith(NO_TRANSACTION)
		? [...text.split(BREAK).map((statement) => statement.trim()), note].filter(Boolean)
		: [`${text}\n;${note}`];
	try {
		for (const message of messages) await on.run(message);
	} catch (error) {
		const { position } = error as { position?: string };
		const line =
			position && messages.length === 1
				? `, line ${text.slice(0, Number(position)).split('\n').length}`
				: '';
		throw new Error(
			`The migration ${name}.sql${line} cannot be applied (see ${table}): ${String(error)}`,
			{ cause: error }
		);
	}
}
