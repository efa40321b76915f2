import { stat } from 'node:fs/promises';
import type { Account } from './program.ts';
import { run, succeeds } from './program.ts';

/**
 * Returns the account that the embedded server runs as. Postgres refuses to run as root. So as root, the account is the
 * owner of the data folder if it exists, else the user `postgres`, which is created if it is missing.
 *
 * @param data the data folder; it may be missing
 * @returns null: the current account
 * @throws Error when the process is root and no other user can be found or created
 */
export async function serverAccount(data: string): Promise<Account | null> {
	if (process.getuid?.() !== 0) return null;
	const owner = await stat(data).catch(() => null);
	if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
	const known = await lookUp('postgres');
	if (known) return known;
	try {
		await run('useradd', ['--system', '--user-group', '--no-create-home', 'postgres']);
	} catch (cause) {
		throw new Error(
			'PostgreSQL does not run as root, and the user "postgres" could not be created. ' +
				'Create it, start as another user, or set DATABASE_URL.',
			{ cause }
		);
	}
	const created = await lookUp('postgres');
	if (!created) throw new Error('The user "postgres" was created but cannot be found');
	return created;
}

/** @returns true when the account may enter the folder */
export async function canEnter(folder: string, account: Account | null): Promise<boolean> {
	return account === null || (await succeeds('test', ['-x', folder], account));
}

async function lookUp(name: string): Promise<Account | null> {
	try {
		return {
			uid: Number(await run('id', ['-u', name])),
			gid: Number(await run('id', ['-g', name]))
		};
	} catch {
		// `id` fails when the user does not exist.
		return null;
	}
}
