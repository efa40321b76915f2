import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { Browser, BrowserContext } from 'playwright-core';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { openBrowser } from '../support/browser.ts';
import { startBuiltApp, type BuiltApp, type BuiltAppOptions } from '../support/built-app.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';
import { DemoPage } from './demo-page.ts';

/** Speed of the story: the whole story takes about four seconds. */
export const SPEED = '20';

/** What accounts, their rooms and their events leave. A user of the next test may have the same name. */
const LEFT = [
	'users',
	'deleted_users',
	'devices',
	'rooms',
	'grants',
	'read_markers',
	'topic_subscriptions',
	'rate_limits',
	'outbox',
	'dead_letters',
	'events',
	'topic_horizons'
];

/**
 * A database, and the servers and browser profiles of a test. The tests of a file share the database, which is emptied after
 * each unless they keep it, and the server that has no settings of its own: to start one takes longer than many a test. They are
 * new after a test that has failed.
 */
export class Stage {
	#sql: Sql | undefined;
	#browser: Browser | undefined;
	#database: TestDatabase | undefined;
	#shared: BuiltApp | undefined;
	readonly #apps: BuiltApp[] = [];
	readonly #contexts: BrowserContext[] = [];

	/**
	 * Registers setup and cleanup for the tests of a file, which share one browser.
	 *
	 * @param options.browser false: they need none
	 * @param options.keeps true: what a test leaves, its pages too, is there for the next one, unless it has failed
	 */
	static forEachTest(options: { browser?: boolean; keeps?: boolean } = {}): Stage {
		const stage = new Stage();
		beforeAll(async () => {
			if (options.browser !== false) stage.#browser = await openBrowser();
		});
		beforeEach(async () => {
			if (stage.#database) return;
			stage.#database = await createTestDatabase();
			stage.#sql = openClient(stage.#database.url, { max: 2, name: 'e2e test' });
		});
		afterEach(async ({ task }) => {
			const failed = task.result?.state === 'fail';
			if (options.keeps && !failed) return;
			await stage.#closeAll();
			if (failed) await stage.#clear();
			else await stage.#empty();
		});
		afterAll(async () => {
			await stage.#closeAll();
			await stage.#clear();
			await stage.#browser?.close();
		});
		return stage;
	}

	async #closeAll(): Promise<void> {
		for (const context of this.#contexts.splice(0)) await context.close();
		for (const app of this.#apps.splice(0)) await app.stop();
	}

	async #empty(): Promise<void> {
		const told = await this.#hasTold();
		for (const table of LEFT) await this.sql.unsafe(`delete from ${table}`);
		if (!told || !this.#shared?.runs) return;
		// The server keeps what was published for everyone in memory, unless the log is another one.
		const [row] = await this.sql<{ epoch: string }[]>`
			update log_state set epoch = gen_random_uuid() returning epoch::text`;
		const { port } = this.#shared;
		await until(
			async () => {
				const health = await fetch(`http://127.0.0.1:${port}/api/health`);
				return ((await health.json()) as { log: string }).log === row!.epoch;
			},
			{ what: 'the server has forgotten the log', timeoutMs: 20_000 }
		);
	}

	/** True: something was published for everyone. */
	async #hasTold(): Promise<boolean> {
		const [row] = await this.sql<{ told: boolean }[]>`
			select exists (select from events where user_id is null and topic not like '%/%') as told`;
		return row!.told;
	}

	async #clear(): Promise<void> {
		await this.#shared?.stop();
		await this.#sql?.end();
		await this.#database?.drop();
		this.#shared = this.#sql = this.#database = undefined;
	}

	get sql(): Sql {
		if (!this.#sql) throw new Error('The test has not begun');
		return this.#sql;
	}

	/** The database of the test. */
	get databaseUrl(): string {
		if (!this.#database) throw new Error('The test has not begun');
		return this.#database.url;
	}

	/** Returns a server on the database of the file. A test that ends it leaves the start of another to the next. */
	async app(): Promise<BuiltApp> {
		if (!this.#shared?.runs) this.#shared = await this.#start({});
		return this.#shared;
	}

	/** Starts a server of the test's own, on the database of the file unless the options contain another. */
	async start(options: Partial<BuiltAppOptions> = {}): Promise<BuiltApp> {
		// It would do some of the work of the other.
		await this.#shared?.stop();
		const app = await this.#start(options);
		this.#apps.push(app);
		return app;
	}

	#start({ env, ...options }: Partial<BuiltAppOptions>): Promise<BuiltApp> {
		return startBuiltApp({
			databaseUrl: this.databaseUrl,
			env: { LOGLINE_STORY_SPEED: SPEED, ...env },
			...options
		});
	}

	/** Creates a separate browser profile, without the cookies of the others. */
	async profile(options: Parameters<Browser['newContext']>[0] = {}): Promise<BrowserContext> {
		if (!this.#browser) throw new Error('The browser has not started');
		const context = await this.#browser.newContext(options);
		this.#contexts.push(context);
		// With a window, the browser allows a page that has the focus to copy. Without one, it would ask.
		await context.grantPermissions(['clipboard-read', 'clipboard-write']);
		return context;
	}

	/** Opens a page in a separate profile. */
	async openPage(options: Parameters<Browser['newContext']>[0] = {}): Promise<DemoPage> {
		return DemoPage.open(await this.profile(options));
	}

	/** Publishes events for everyone by SQL. */
	async publish(topic: 'notifications' | 'logs', ...messages: string[]): Promise<void> {
		for (const message of messages) {
			await this.sql`
				insert into events (topic, data) values (${topic}, jsonb_build_object(
					'id', gen_random_uuid(), 'type', 'info', 'level', 'info', 'source', 'test',
					'message', ${message}::text, 'timestamp', now()))`;
		}
	}

	/** Returns the chat of the only user from the log, one line per event. */
	async loggedChat(): Promise<string[]> {
		const rows = await this.sql<{ text: string }[]>`
			select data->>'text' as text from events where topic in ('message', 'end') order by id`;
		return rows.map(({ text }) => text);
	}
}
