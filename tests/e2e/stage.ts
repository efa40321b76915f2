import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { Browser, BrowserContext } from 'playwright-core';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { openBrowser } from '../support/browser.ts';
import { startBuiltApp, type BuiltApp, type BuiltAppOptions } from '../support/built-app.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { DemoPage } from './demo-page.ts';

/** Speed of the story: the whole story takes about four seconds. */
export const SPEED = '20';

/** A database, and the servers and browser profiles of a test. All of them are ended after each test. */
export class Stage {
	sql!: Sql;
	#browser: Browser | undefined;
	#database!: TestDatabase;
	readonly #apps: BuiltApp[] = [];
	readonly #contexts: BrowserContext[] = [];

	/**
	 * Registers setup and cleanup for the tests of a file, which share one browser.
	 *
	 * @param options.browser false: they need none
	 */
	static forEachTest(options: { browser?: boolean } = {}): Stage {
		const stage = new Stage();
		beforeAll(async () => {
			if (options.browser !== false) stage.#browser = await openBrowser();
		});
		beforeEach(async () => {
			stage.#database = await createTestDatabase();
			stage.sql = openClient(stage.#database.url, { max: 2, name: 'e2e test' });
		});
		afterEach(async () => {
			for (const context of stage.#contexts.splice(0)) await context.close();
			for (const app of stage.#apps.splice(0)) await app.stop();
			await stage.sql.end();
			await stage.#database.drop();
		});
		afterAll(() => stage.#browser?.close());
		return stage;
	}

	/** The database of the test. */
	get databaseUrl(): string {
		return this.#database.url;
	}

	/** Starts a server, on the database of the test unless the options contain another. */
	async start({ env, ...options }: Partial<BuiltAppOptions> = {}): Promise<BuiltApp> {
		const app = await startBuiltApp({
			databaseUrl: this.#database.url,
			env: { LOGLINE_STORY_SPEED: SPEED, ...env },
			...options
		});
		this.#apps.push(app);
		return app;
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
