import { setTimeout as pause } from 'node:timers/promises';
import { migrate } from '../../drizzle/migrate.ts';
import type { Sql } from '../../src/app/driver-client.ts';
import { createUser, type TestUser } from '../support/app-server.ts';
import { startServer, type PrivateServer } from '../support/private-server.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { openSteady } from '../support/steady-sql.ts';
import { AppProcess } from './apps.ts';
import { installArchive, type Row } from './archive.ts';
import { installPoison } from './kinds/poison.ts';
import type { Mechanism } from './options.ts';
import type { Random } from './random.ts';
import { Standby } from './standby.ts';
import { SETTLE_MS, SQL_ANSWER_MS } from './timing.ts';

const USERS = 3;
const APPS = 2;

/** The applications' own role, so that its login can be disabled. */
export const APP_ROLE = 'checker_app';
export const APP_PASSWORD = 'checker';

/** The environment of a run: a Postgres, applications, and proxies in front of both. `close` ends all of it. */
export class World {
	readonly apps: AppProcess[] = [];
	readonly users: TestUser[] = [];
	server!: PrivateServer;
	/** Between all others and Postgres. */
	databaseProxy!: Proxy;
	/** Between clients and the applications. */
	clientProxy!: Proxy;
	/** Set when there is a second server. */
	standby: Standby | null = null;
	/** Events of earlier primaries that the next primary did not have. */
	readonly lost: Row[] = [];
	/** Tags that were still in the outbox of an earlier primary. The next one may have them or not. */
	readonly lostFromOutbox = new Set<string>();
	#admin: Sql | null = null;

	/** @param options.promotion true: create a replica */
	async open(
		random: Random,
		{ without, promotion }: { without: Mechanism | null; promotion: boolean }
	): Promise<void> {
		// Only processes are killed here, not machines. Data that was passed to the operating system is not lost.
		this.server = await startServer({ fsync: 'off', wal_keep_size: '1GB' });
		await migrate(this.server.url);
		await this.admin(async (sql) => {
			await sql`create table checker_business (tag text primary key)`;
			await sql.unsafe(`create role ${APP_ROLE} login superuser password '${APP_PASSWORD}'`);
			await installArchive(sql);
			await installPoison(sql);
			if (without === 'order') await dropOrder(sql);
		});
		for (let i = 0; i < USERS; i++) this.users.push(await createUser(this.server.url, `user-${i}`));
		if (promotion) {
			this.standby = new Standby(() => this.server);
			await this.standby.prepare();
		}
		this.databaseProxy = await startProxy(() => this.server.port);
		this.clientProxy = await startProxy(() => random.pick(this.apps).port);
		this.apps.push(
			...(await Promise.all(Array.from({ length: APPS }, () => AppProcess.start(this.#appUrl))))
		);
	}

	/** Address of Postgres through the proxy. */
	get databaseUrl(): string {
		const url = new URL(this.server.url);
		url.port = String(this.databaseProxy.port);
		return url.href;
	}

	get #appUrl(): string {
		const url = new URL(this.databaseUrl);
		url.username = APP_ROLE;
		url.password = APP_PASSWORD;
		return url.href;
	}

	/** Origin of the applications through the proxy. */
	get origin(): string {
		return `http://127.0.0.1:${this.clientProxy.port}`;
	}

	/** Works directly on Postgres, on a connection that no fault affects. */
	async admin<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
		this.#admin ??= openSteady(this.server.url, {
			size: 3,
			name: 'checker admin',
			answerMs: SETTLE_MS,
			settings: {
				// Its name without ours in front: it is no part of the application.
				application_name: 'checker admin',
				default_transaction_read_only: 'off',
				statement_timeout: SETTLE_MS,
				lock_timeout: 0
			}
		});
		return work(this.#admin);
	}

	/** Like `admin`, but repeats while Postgres is away. Only for work that may be done twice. */
	async insist<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
		const until = performance.now() + SETTLE_MS;
		for (;;) {
			try {
				return await this.admin(work);
			} catch (error) {
				if (!isAway(error) || performance.now() > until) throw error;
				await pause(100);
			}
		}
	}

	/** The log is on another server from now on. The caller must remove the old one. */
	async moveTo(server: PrivateServer): Promise<void> {
		this.server = server;
		const admin = this.#admin;
		this.#admin = null;
		await admin?.end({ timeout: 1 });
	}

	/** Ends every lasting fault and waits until all applications are healthy. */
	async heal(timeoutMs: number): Promise<void> {
		for (const proxy of [this.clientProxy, this.databaseProxy]) {
			proxy.refuse(false);
			proxy.resume();
			proxy.release();
		}
		// Half-open connections to Postgres are not cut: the applications must notice them by themselves. A client with a
		// bare EventSource never notices; the operating system would do it after a while.
		this.clientProxy.cut();
		await this.healthy(timeoutMs);
	}

	/** Resolves when all applications are healthy. */
	async healthy(timeoutMs: number): Promise<void> {
		await Promise.all(this.apps.map((app) => app.healthy(timeoutMs)));
	}

	async close(): Promise<void> {
		await Promise.all(this.apps.map((app) => app.stop()));
		await this.#admin?.end({ timeout: 1 });
		await this.clientProxy?.close();
		await this.databaseProxy?.close();
		await this.standby?.close();
		await this.server?.remove();
	}
}

/** @returns true when an error says that Postgres is away */
export function isAway(error: unknown): boolean {
	const { code } = error as { code?: unknown };
	return typeof code === 'string' && /^(CONNECTION_|CONNECT_TIMEOUT|ECONN|EPIPE|57P0)/.test(code);
}

/** Opens a connection as a careful program does: if it holds the log's lock and is idle, Postgres ends it. */
export function openWriterClient(url: string): Sql {
	return openSteady(url, {
		size: 1,
		name: 'checker sql',
		settings: {
			application_name: 'checker sql',
			statement_timeout: SQL_ANSWER_MS / 2,
			lock_timeout: 0,
			idle_in_transaction_session_timeout: SQL_ANSWER_MS
		}
	});
}

/** Replaces the triggers by versions without the lock: ids become visible in any order, but notifications stay. */
async function dropOrder(sql: Sql): Promise<void> {
	await sql`
		create or replace function logline_before_insert() returns trigger language plpgsql as $$
		begin return null; end $$`;
	await sql`
		create or replace function logline_after_insert() returns trigger language plpgsql as $$
		begin perform pg_notify('logline_events', ''); return null; end $$`;
}
