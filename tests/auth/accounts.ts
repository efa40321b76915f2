/** Helpers for the tests of accounts. */
import { pino } from 'pino';
import { loadConfig } from '../../src/app/config.ts';
import { createAuth, type AuthOptions } from '../../src/accounts/auth.ts';
import type { Browser } from '../../src/accounts/browser.ts';
import type { Database } from '../../src/app/database.ts';
import { sqlOn } from '../support/queryable.ts';

export const PASSWORD = 'correct horse battery';

export const CHROME =
	'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36';

/** Returns a browser without cookies. */
export function newBrowser(cookies: Partial<Browser> = {}): Browser {
	return {
		userAgent: CHROME,
		network: '192.0.2.7',
		deviceToken: null,
		sessionToken: null,
		...cookies
	};
}

/** Creates accounts whose log lines can be read. */
export function startAuth(
	database: Database,
	options: AuthOptions = {},
	environment: Record<string, string> = {}
) {
	const lines: string[] = [];
	const logger = pino({ level: 'trace' }, { write: (line: string) => lines.push(line) });
	return { auth: createAuth(database, loadConfig(environment), logger, options), lines };
}

/** Returns every row of the accounts' tables, as text. */
export async function wholeTables(database: Database): Promise<string> {
	const rows = await sqlOn(database)<{ row: string }[]>`
		select sessions::text as row from sessions
		union all select users::text from users
		union all select devices::text from devices`;
	return rows.map(({ row }) => row).join('\n');
}
