import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PgSession } from '$lib/server/database/pg-session.ts';

/** A migration file. */
interface Migration {
	/** File name without `.sql`. */
	name: string;
	text: string;
	hash: string;
}

/** The result of a migration. */
export interface Migrated {
	/** Names of the applied migrations, in order. */
	applied: string[];
	/** Names that the database has but the folder does not: a newer version of Logline applied them. */
	unknown: string[];
}

/** First line of a migration that cannot run in a transaction, for example one with CREATE INDEX CONCURRENTLY. */
const NO_TRANSACTION = '-- logline: no transaction';

/** Separates the statements of a file. */
const BREAK = '--> statement-breakpoint';

/**
 * Reads the migrations of a folder: its `.sql` files, sorted by name.
 *
 * @throws Error when there are none
 */
export async function readMigrations(folder: string): Promise<Migration[]> {
	const names = existsSync(folder) ? await readdir(folder) : [];
	const files = names.filter((name) => name.endsWith('.sql')).sort();
	if (files.length === 0) {
		throw new Error(
			`No migrations in ${folder}. Start Logline from the folder of its package.json.`
		);
	}
	return Promise.all(
		files.map(async (file) => {
			// Git may have changed the line endings. This must not change the hash.
			const text = (await readFile(join(folder, file), 'utf8')).replaceAll('\r\n', '\n');
			const hash = createHash('sha256').update(text).digest('hex');
			return { name: file.slice(0, -'.sql'.length), text, hash };
		})
	);
}

/**
 * Applies the migrations that are missing in the ledger (`logline_migrations`), in order of name. Each runs in its own
 * transaction: a failed one leaves no changes, and the ones before it stay applied. A missing migration is applied even if
 * later ones are applied already.
 *
 * @param on the session that holds the migration lock
 * @throws Error with the name of a migration that was changed after it had been applied, or that fails
 */
export async function applyMigrations(
	on: PgSession,
	migrations: readonly Migration[]
): Promise<Migrated> {
	const known = await readLedger(on);
	for (const { name, hash } of migrations) {
		const row = known.get(name);
		if (row === undefined || row.hash === hash) continue;
		throw new Error(
			`migrations/${name}.sql was changed after it had been applied (${row.appliedAt}). ` +
				'Put it back as it was, and write what you want to change into a new migration. ' +
				'A database without data worth keeping: drop it (the embedded one: remove .data) and start again.'
		);
	}
	const applied: string[] = [];
	for (const migration of migrations) {
		if (known.has(migration.name)) continue;
		await apply(on, migration);
		applied.push(migration.name);
	}
	const here = new Set(migrations.map(({ name }) => name));
	return { applied, unknown: [...known.keys()].filter((name) => !here.has(name)).sort() };
}

async function readLedger(
	on: PgSession
): Promise<Map<string, { hash: string; appliedAt: string }>> {
	const [state] = await on.query<{ ours: boolean; before: boolean }>(
		`SELECT to_regclass('logline_migrations') IS NOT NULL AS ours,
			to_regclass('drizzle.__drizzle_migrations') IS NOT NULL AND to_regclass('log_state') IS NOT NULL AS before`,
		[]
	);
	if (!state!.ours) {
		if (state!.before) {
			throw new Error(
				'This database was made before Logline kept a ledger of its migrations, and cannot be upgraded. ' +
					'Drop it (the embedded one: stop everything that uses it and move .data away) and start again.'
			);
		}
		await on.run(`
			CREATE TABLE logline_migrations (
				name text PRIMARY KEY, hash text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
			);
			COMMENT ON TABLE logline_migrations IS 'Which files of migrations/ were applied.';
			COMMENT ON COLUMN logline_migrations.name IS 'Name of the file, without .sql.';
			COMMENT ON COLUMN logline_migrations.hash IS 'SHA-256 (hex) of what it said then.';
			COMMENT ON COLUMN logline_migrations.applied_at IS 'When.'`);
	}
	const rows = await on.query<{ name: string; hash: string; at: string }>(
		'SELECT name, hash, applied_at::text AS at FROM logline_migrations',
		[]
	);
	return new Map(rows.map(({ name, hash, at }) => [name, { hash, appliedAt: at }]));
}

async function apply(on: PgSession, { name, text, hash }: Migration): Promise<void> {
	const note = `INSERT INTO logline_migrations (name, hash) VALUES ('${name.replaceAll("'", "''")}', '${hash}')`;
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
		throw new Error(`migrations/${name}.sql${line} cannot be applied: ${String(error)}`, {
			cause: error
		});
	}
}
