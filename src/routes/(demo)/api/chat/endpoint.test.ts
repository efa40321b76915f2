import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createRegistry } from 'logline';
import type { User } from '$src/accounts/user.ts';
import { startApp, type App } from '$src/app/app.ts';
import { loadConfig } from '$src/app/config.ts';
import { POST } from './+server.ts';
import { createTestDatabase, type TestDatabase } from '../../../../../tests/support/database.ts';
import { addUser } from '../../../../../tests/support/feature-app.ts';
import { startProxy, type Proxy } from '../../../../../tests/support/proxy.ts';
import { until } from '../../../../../tests/support/until.ts';
import { start } from '$src/features/chat/start.server.ts';
import { topics } from '$src/features/chat/topics.ts';
import { sqlOn } from '../../../../../tests/support/queryable.ts';

let database: TestDatabase;
let proxy: Proxy;
let app: App;
let ada: User;

beforeAll(async () => {
	database = await createTestDatabase();
	const url = new URL(database.url);
	proxy = await startProxy(Number(url.port || 5432));
	url.hostname = '127.0.0.1';
	url.port = String(proxy.port);
	vi.stubEnv('LOGLINE_STORY_SPEED', '100');
	const config = loadConfig({ LOG_LEVEL: 'silent', DEMO: '0' });
	app = await startApp(config, url.href, createRegistry([topics]), [start]);
});

afterAll(async () => {
	vi.unstubAllEnvs();
	await app?.stop();
	await proxy?.close();
});

let count = 0;
beforeEach(async () => {
	ada = await addUser(app.database, `ada${++count}`);
});

/** Calls the endpoint as SvelteKit does, with the parts of the event that it uses. */
async function post(body: BodyInit | null, user: User | null = ada) {
	const request = new Request('http://localhost/api/chat', {
		method: 'POST',
		body,
		headers: { 'content-type': 'application/json' }
	});
	const event = { request, locals: { user, sessionHash: null } } as Parameters<typeof POST>[0];
	const response = await POST(event);
	return { status: response.status, headers: response.headers, body: await response.json() };
}

const action = (name: string) => JSON.stringify({ action: name });

const eventsOf = (viewer: User) => sqlOn(app.database)<{ topic: string; data: unknown }[]>`
	select topic, data from events where user_id = ${viewer.id} order by id`;

/** Begins the story as a first subscription does, and waits for the first prompt. */
async function openPrompt(viewer: User): Promise<void> {
	await sqlOn(
		app.database
	)`insert into story_progress (user_id, due_at) values (${viewer.id}, now())`;
	await until(async () => (await eventsOf(viewer)).some(({ topic }) => topic === 'prompt'));
}

describe('POST /api/chat', () => {
	test('says the player’s line', async () => {
		await openPrompt(ada);
		expect(await post(action('send_prompt'))).toMatchObject({
			status: 200,
			body: { success: true }
		});
		await until(async () =>
			(await eventsOf(ada)).some(({ data }) => (data as { sender?: string }).sender === ada.name)
		);
	});

	test('starts the story over', async () => {
		expect(await post(action('reset'))).toMatchObject({ status: 200, body: { success: true } });
		await until(async () => (await eventsOf(ada))[0]?.topic === 'reset');
	});

	test('answers 409 while no prompt is open', async () => {
		expect(await post(action('send_prompt'))).toMatchObject({
			status: 409,
			body: { error: { code: 'not_waiting', message: expect.stringContaining('Wait') } }
		});
	});

	test('is for people who are signed in', async () => {
		for (const body of [action('reset'), 'not JSON']) {
			expect(await post(body, null)).toMatchObject({
				status: 401,
				body: { error: { code: 'unauthorized' } }
			});
		}
	});

	test.each([
		['what is not JSON', 400, 'invalid_body', 'not JSON'],
		['no body', 400, 'invalid_body', null],
		['an array', 400, 'invalid_body', '[{"action":"reset"}]'],
		['null', 400, 'invalid_body', 'null'],
		['a body over 4 KB', 413, 'body_too_large', `{"action":"reset","x":"${'x'.repeat(4096)}"}`],
		['no action', 400, 'unknown_action', '{}'],
		['an unknown action', 400, 'unknown_action', '{"action":"win"}']
	])('answers %s with %i %s, and nothing has changed', async (_, status, code, body) => {
		await openPrompt(ada);
		const progress = () =>
			sqlOn(app.database)`select * from story_progress where user_id = ${ada.id}`;
		const before = [await progress(), await eventsOf(ada)];
		expect(await post(body)).toMatchObject({ status, body: { error: { code } } });
		expect([await progress(), await eventsOf(ada)]).toEqual(before);
	});

	test('answers 503 while the database is away, and works again afterwards', async () => {
		await openPrompt(ada);
		proxy.refuse(true);
		proxy.cut();
		const answer = await post(action('send_prompt'));
		expect(answer).toMatchObject({
			status: 503,
			body: { error: { code: 'database_unavailable' } }
		});
		expect(answer.headers.get('retry-after')).toBe('1');
		proxy.refuse(false);
		await until(async () => (await post(action('send_prompt'))).status === 200);
	});
});
