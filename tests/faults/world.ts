import postgres from 'postgres';
import { migrate } from '../../drizzle/migrate.ts';
import type { Sql } from '../../src/lib/server/database/client.ts';
import { createUser, type TestUser } from '../support/app-server.ts';
import { startServer, type PrivateServer } from '../support/private-server.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { AppProcess } from './apps.ts';
import type { Mechanism } from './options.ts';
import type { Random } from './random.ts';
import { SQL_ANSWER_MS } from './timing.ts';

const USERS = 3;
const APPS = 2;

/** What the checker's work goes on in: a Postgres, applications, and proxies before both. `close` ends it all. */
export class World {
	readonly apps: AppProcess[] = [];
	readonly users: TestUser[] = [];
	server!: PrivateServer;
	/** Between everybody and Postgres. */
	databaseProxy!: Proxy;
	/** Between clients and the applications. */
	clientProxy!: Proxy;
	#admin: Sql | null = null;

	async open(random: Random, without: Mechanism | null): Promise<void> {
		// Processes are killed here, not machines: what has been handed to the operating system is not lost.
		this.server = await startServer({ fsync: 'off' });
		await migrate(this.server.url);
		await this.admin(async (sql) => {
			await sql`create table checker_business (tag text primary key)`;
			if (without === 'order') await dropOrder(sql);
		});
		for (let i = 0; i < USERS; i++) this.users.push(await createUser(this.server.url, `user-${i}`));
		this.databaseProxy = await startProxy(this.server.port);
		this.clientProxy = await startProxy(() => random.pick(this.apps).port);
		this.apps.push(
			...(await Promise.all(Array.from({ length: APPS }, () => AppProcess.start(this.databaseUrl))))
		);
	}

	/** Postgres through the proxy. */
	get databaseUrl(): string {
		const url = new URL(this.server.url);
		url.port = String(this.databaseProxy.port);
		return url.href;
	}

	/** An application through the proxy. */
	get origin(): string {
		return `http://127.0.0.1:${this.clientProxy.port}`;
	}

	/** Works on Postgres directly, on a connection that no fault is meant for. */
	async admin<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
		this.#admin ??= postgres(this.server.url, {
			max: 1,
			connection: { application_name: 'checker admin' },
			backoff: () => 0.05,
			onnotice: () => {}
		});
		return work(this.#admin);
	}

	/** Ends every fault that goes on by itself, and waits until all is well again. */
	async heal(timeoutMs: number): Promise<void> {
		for (const proxy of [this.clientProxy, this.databaseProxy]) {
			proxy.refuse(false);
			proxy.resume();
		}
		// Connections that are half-open towards Postgres stay so: the applications have to notice by themselves. A client
		// made of a bare EventSource never does; the operating system would, after a while.
		this.clientProxy.cut();
		await Promise.all(this.apps.map((app) => app.healthy(timeoutMs)));
	}

	async close(): Promise<void> {
		await Promise.all(this.apps.map((app) => app.stop()));
		await this.#admin?.end({ timeout: 1 });
		await this.clientProxy?.close();
		await this.databaseProxy?.close();
		await this.server?.remove();
	}
}

/** A connection as a careful program opens it: one that holds the log and falls silent is ended by Postgres. */
export function openWriterClient(url: string): Sql {
	return postgres(url, {
		max: 1,
		connection: {
			application_name: 'checker sql',
			statement_timeout: SQL_ANSWER_MS / 2,
			idle_in_transaction_session_timeout: SQL_ANSWER_MS
		},
		connect_timeout: 5,
		backoff: () => 0.05,
		onnotice: () => {}
	});
}

/** The triggers without the lock and what depends on it: ids become visible in any order, notifications stay. */
async function dropOrder(sql: Sql): Promise<void> {
	await sql`
		create or replace function logline_before_insert() returns trigger language plpgsql as $$
		begin return null; end $$`;
	await sql`
		create or replace function logline_after_insert() returns trigger language plpgsql as $$
		begin perform pg_notify('logline_events', ''); return null; end $$`;
}
