import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { Auth } from '../../src/accounts/auth.ts';
import { createPasswords, type Passwords } from '../../src/accounts/passwords.ts';
import { openDatabase, type Database } from '../../src/app/database.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { newBrowser, PASSWORD, startAuth } from './accounts.ts';
import { sqlOn } from '../support/queryable.ts';

export const ADA = { username: 'ada', password: PASSWORD };

/** Fast hash functions: these tests are about counting. {@link createPasswords} still limits and queues them. */
const quick = () =>
	createPasswords({
		hash: (password) => Promise.resolve(`hash of ${password}`),
		verify: (hash, password) => Promise.resolve(hash === `hash of ${password}`)
	});

/** The same accounts on two servers. Before each test there are no accounts and no counts. */
export class TwoServers {
	test!: TestDatabase;
	one!: Auth;
	other!: Auth;
	#databases: Database[] = [];
	#networks = 0;

	/** Registers setup and cleanup for the tests of a file. */
	static forEachTest(): TwoServers {
		const servers = new TwoServers();
		beforeAll(async () => {
			servers.test = await createTestDatabase();
			servers.#databases = [1, 2].map(() => openDatabase(servers.test.url));
		});
		afterAll(async () => {
			await Promise.all(servers.#databases.map((database) => database.end()));
			await servers.test.drop();
		});
		beforeEach(async () => {
			await sqlOn(servers.database)`truncate users, rate_limits cascade`;
			servers.restart();
		});
		return servers;
	}

	/** The database pools of the first server. */
	get database(): Database {
		return this.#databases[0]!;
	}

	/** Restarts both servers, so that they forget their refusals. */
	restart(passwords: Passwords = quick(), environment: Record<string, string> = {}): void {
		[this.one, this.other] = this.#databases.map(
			(database) => startAuth(database, { passwords }, environment).auth
		) as [Auth, Auth];
	}

	/** Returns a network that no test has used before. */
	readonly elsewhere = (): string => `198.51.100.${++this.#networks}`;

	/** Tries ten wrong passwords, each from another network, alternately on the two servers. */
	async attack(names: string[]): Promise<void> {
		for (let n = 0; n < 10; n++) {
			const answer = await refusal(
				n % 2 ? this.one : this.other,
				names[n % names.length]!,
				this.elsewhere()
			);
			if (answer?.code !== 'wrong_credentials') throw new Error('a guess was not tried');
		}
	}
}

/** Returns why a sign-in is refused; null: it is not. */
export async function refusal(
	auth: Auth,
	username: string,
	network: string,
	{ password = 'wrong horse', deviceToken = null as string | null } = {}
) {
	return auth.signIn({ username, password }, newBrowser({ network, deviceToken })).then(
		() => null,
		(error: unknown) => error as { code: string; status: number; retryAfter?: number }
	);
}
