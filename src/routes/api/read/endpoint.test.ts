import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { User } from '$src/accounts/user.ts';
import { createTestDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { startAppServer, type AppServer } from '../../../../tests/support/app-server.ts';
import { sqlOn } from '../../../../tests/support/queryable.ts';
import { POST } from './+server.ts';

let database: TestDatabase;
let server: AppServer;
const ada: User = { id: randomUUID(), name: 'ada' };

beforeAll(async () => {
	database = await createTestDatabase();
	server = await startAppServer(database.url);
	await sqlOn({ pool: server.app.logline.parts.pool })`
		insert into events (topic, data) select 'a', '{}' from generate_series(1, 3)`;
});
afterAll(async () => {
	await server?.stop();
	await database.drop();
});

/** Calls the endpoint as SvelteKit does, with the parts of the event that it uses. */
async function post(body: string, user: User | null = ada) {
	const request = new Request('http://localhost/api/read', { method: 'POST', body });
	const event = { request, locals: { user, sessionHash: null } } as Parameters<typeof POST>[0];
	const response = await POST(event);
	const retryAfter = response.headers.get('retry-after');
	return {
		status: response.status,
		body: (await response.json()) as unknown,
		...(retryAfter === null ? {} : { retryAfter })
	};
}

test('a marker moves, and the answer says what is unread', async () => {
	expect(await post('{"topic":"a","id":"2"}')).toEqual({
		status: 200,
		body: { topic: 'a', id: '2', unread: 1 }
	});
	expect(await post('{"topic":"a","id":"1"}')).toMatchObject({ body: { id: '2', unread: 1 } });
});

test.each([
	[400, 'invalid_body', 'nonsense'],
	[400, 'invalid_body', 'null'],
	[400, 'invalid_body', '{"topic":"a","id":2}'],
	[400, 'invalid_id', '{"topic":"a","id":"two"}'],
	[400, 'invalid_topics', '{"topic":"none","id":"2"}'],
	[403, 'forbidden_topic', '{"topic":"staff","id":"2"}'],
	[413, 'body_too_large', `{"topic":"${'a'.repeat(5000)}","id":"2"}`]
])('%i %s is the answer to %s', async (status, code, body) => {
	expect(await post(body)).toMatchObject({ status, body: { error: { code } } });
});

test('401 is the answer to who is not signed in', async () => {
	expect(await post('{"topic":"a","id":"2"}', null)).toMatchObject({ status: 401 });
});

test('who asks too often is told when to ask again, and others are not kept from it', async () => {
	const often: User = { id: randomUUID(), name: 'often' };
	const asked = await Promise.all(
		Array.from({ length: 200 }, () => post('{"topic":"a","id":"2"}', often))
	);
	const refused = asked.filter(({ status }) => status === 429);
	expect(refused.length).toBeGreaterThan(0);
	expect(asked.length - refused.length).toBeGreaterThanOrEqual(40);
	expect(refused[0]).toMatchObject({
		body: { error: { code: 'too_many_requests' } },
		retryAfter: '1'
	});
	expect(await post('{"topic":"a","id":"2"}')).toMatchObject({ status: 200 });
});
