import { readMigrations } from '../../drizzle/read-migrations.ts';

/** The generated module with the log's SQL. */
export const LOG_MODULE = 'src/lib/server/schema/migrations.ts';

/** Returns what {@link LOG_MODULE} must contain, from the files of `migrations/log`. */
export async function logModule(): Promise<string> {
	const migrations = await readMigrations('migrations/log');
	const entries = migrations.map(({ name, text }) => {
		const literal = text.replace(/[\\`]|\$(?=\{)/g, '\\$&');
		return `\t{\n\t\tname: '${name}',\n\t\ttext: \`${literal}\`\n\t}`;
	});
	return `// Generated from migrations/log by npm run db:generate. Do not edit.
import type { Migration } from './ledger.ts';

/** The migrations of the log, in order. */
export const LOG_MIGRATIONS: readonly Migration[] = [
${entries.join(',\n')}
];
`;
}
