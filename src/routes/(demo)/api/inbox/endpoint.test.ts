import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRegistry, type ErrorBody } from 'logline';
import type { User } from '$src/accounts/user.ts';
import { topics } from '$src/features/notifications/topics.ts';
import { startAppServer, type AppServer } from '../../../../../tests/support/app-server.ts';
import { createTestDatabase, type TestDatabase } from '../../../../../tests/support/database.ts';
import { POST } from './+server.ts';

let database: TestDatabase;
let server: AppServer;

beforeAll(async () => {
	database = await createTestDatabase();
	server = await startAppServer(database.url, {}, createRegistry([topics]));
});
afterAll(async () => {
	await server?.stop();
	await database.drop();
});

/** Calls the endpoint as SvelteKit does, with the parts of the event that it uses. */
async function post(user: User) {
	const body = '{"clearedUpTo":"42"}';
	const request = new Request('http://localhost/api/inbox', { method: 'POST', body });
	const event = { request, locals: { user, sessionHash: null } } as Parameters<typeof POST>[0];
	const response = await POST(event);
	const { error } = (await response.json()) as Partial<ErrorBody>;
	const retryAfter = response.headers.get('retry-after');
	return { status: response.status, code: error?.code, retryAfter };
}

test('who changes it too often is told when to ask again, nothing is written then, and others are not kept from it', async () => {
	const often: User = { id: randomUUID(), name: 'often' };
	const asked = await Promise.all(Array.from({ length: 200 }, () => post(often)));
	const refused = asked.filter(({ status }) => status === 429);
	expect(refused.length).toBeGreaterThan(0);
	expect(refused[0]).toEqual({ status: 429, code: 'too_many_requests', retryAfter: '1' });
	const accepted = asked.length - refused.length;
	expect(accepted).toBeGreaterThanOrEqual(40);
	const rows = await server.app.logline.parts.pool.query(
		'SELECT 1 AS one FROM events WHERE user_id = $1',
		[often.id]
	);
	expect(rows).toHaveLength(accepted);
	expect(await post({ id: randomUUID(), name: 'other' })).toMatchObject({ status: 200 });
});
