import { migrate } from '../../../drizzle/migrate.ts';
import type { Sql } from '../../../src/app/driver-client.ts';
import { createUser, type TestUser } from '../../support/app-server.ts';
import { startServer, type PrivateServer } from '../../support/private-server.ts';
import { startProxy, type Proxy } from '../../support/proxy.ts';
import { openSteady } from '../../support/steady-sql.ts';
import { AppProcess } from '../apps.ts';
import { installArchive } from '../archive.ts';
import type { Random } from '../random.ts';
import { SETTLE_MS } from '../timing.ts';

const USERS = 3;
const APPS = 3;

/** Events that a server finds in the log before its first window, so that not everything is in its memory. */
const OLD_EVENTS = 3000;

/** A Postgres, three applications, and a proxy between each of them and Postgres. `close` ends all of it. */
export class RoomsWorld {
	readonly apps: AppProcess[] = [];
	readonly users: TestUser[] = [];
	/** Between each application and Postgres. */
	readonly databaseProxies: Proxy[] = [];
	readonly #proxies: Proxy[] = [];
	readonly #random: Random;
	#server: PrivateServer | undefined;
	/** Works directly on Postgres. No fault affects it. */
	sql!: Sql;
	/** Between writers and the applications. */
	#writerProxy!: Proxy;

	constructor(random: Random) {
		this.#random = random;
	}

	async open(): Promise<void> {
		this.#server = await startServer({ fsync: 'off' });
		const { url } = this.#server;
		await migrate(url);
		this.sql = openSteady(url, {
			size: 12,
			name: 'oracle',
			answerMs: SETTLE_MS,
			settings: { application_name: 'oracle', statement_timeout: SETTLE_MS, lock_timeout: 0 }
		});
		await this.sql`create table checker_business (tag text primary key)`;
		await this.sql`
			insert into events (topic, data) select 'e', '{"tag": "old"}' from generate_series(1, ${OLD_EVENTS}::int)`;
		await installArchive(this.sql);
		for (let i = 0; i < USERS; i++) this.users.push(await createUser(url, `user-${i}`));
		for (let i = 0; i < APPS; i++) {
			const proxy = await startProxy(Number(new URL(url).port));
			this.databaseProxies.push(proxy);
		}
		this.apps.push(
			...(await Promise.all(
				this.databaseProxies.map(({ port }) => {
					const through = new URL(url);
					through.port = String(port);
					return AppProcess.start(through.href);
				})
			))
		);
		this.#writerProxy = await this.openWay();
	}

	/** A proxy that leads each new connection to one of the applications. */
	async openWay(): Promise<Proxy> {
		const proxy = await startProxy(() => this.#random.pick(this.apps).port);
		this.#proxies.push(proxy);
		return proxy;
	}

	get databaseUrl(): string {
		return this.#server!.url;
	}

	/** Origin of the applications, for writers. */
	get origin(): string {
		return `http://127.0.0.1:${this.#writerProxy.port}`;
	}

	/** Ends every lasting fault and waits until all applications are healthy. */
	async heal(): Promise<void> {
		for (const proxy of [...this.databaseProxies, ...this.#proxies]) {
			proxy.refuse(false);
			proxy.resume();
			proxy.release();
			proxy.cutAfter(Infinity);
		}
		await Promise.all(this.apps.map((app) => app.healthy(SETTLE_MS)));
	}

	async close(): Promise<void> {
		await Promise.all(this.apps.map((app) => app.stop()));
		await this.sql?.end({ timeout: 1 });
		for (const proxy of [...this.#proxies, ...this.databaseProxies]) await proxy.close();
		await this.#server?.remove();
	}
}
