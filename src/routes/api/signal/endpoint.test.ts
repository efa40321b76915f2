import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ErrorBody } from 'logline';
import { openScene, type Scene } from '../../../../tests/support/scene.ts';
import { POST } from './+server.ts';

const TYPING = 'rooms/1/typing';

let scene: Scene;
beforeAll(async () => {
	scene = await openScene();
});
afterAll(() => scene.close());

/** Calls the endpoint as SvelteKit does, with the parts of the event that it uses. */
async function post(body: string, signedIn = true) {
	const request = new Request('http://localhost/api/signal', { method: 'POST', body });
	const { id, name } = scene.user;
	const locals = { user: signedIn ? { id, name } : null, sessionHash: null };
	const response = await POST({ request, locals } as Parameters<typeof POST>[0]);
	const text = await response.text();
	const code = text === '' ? null : (JSON.parse(text) as ErrorBody).error.code;
	return { status: response.status, code };
}

const typing = (data: unknown, topic = TYPING) => JSON.stringify({ topic, data });

test('a signal is accepted and arrives; what is wrong with it is told by status and code', async () => {
	await scene.server.app.logline.grant('rooms/1', scene.user.id);
	const client = scene.open('topics=rooms/*/typing');
	await client.caughtUp();
	expect(await post(typing({ on: true }))).toEqual({ status: 202, code: null });
	const { data } = await client.arrived(TYPING);
	expect(data).toMatchObject({ data: { on: true }, from: { id: scene.user.id } });
	expect(await post(typing(1), false)).toEqual({ status: 401, code: 'unauthorized' });
	expect(await post('{')).toEqual({ status: 400, code: 'invalid_body' });
	expect(await post(typing('x'.repeat(4001)))).toEqual({ status: 400, code: 'invalid_data' });
	expect(await post(typing(1, 'nothing'))).toEqual({ status: 400, code: 'unknown_topic' });
	expect(await post(typing(1, 'rooms/2/typing'))).toEqual({ status: 403, code: 'forbidden_topic' });
	expect(await post(typing(1, 'pointers'))).toEqual({ status: 403, code: 'forbidden_topic' });
	expect(await post(typing('x'.repeat(40_000)))).toEqual({ status: 413, code: 'body_too_large' });
});
