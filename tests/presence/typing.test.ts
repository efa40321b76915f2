import { EventSource } from 'eventsource';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SSEClient } from '../../src/lib/client/index.ts';
import { openScene, type Scene } from '../support/scene.ts';
import { until } from '../support/until.ts';
import { RoomServer } from './room-server.ts';

let scene: Scene;
let sender: RoomServer;
beforeEach(async () => {
	scene = await openScene();
	sender = await RoomServer.start(scene.database.url);
});
afterEach(async () => {
	await sender.kill9();
	await scene.close();
});

test('who types is shown, and typing ends by itself when its sender is killed', async () => {
	await scene.server.app.logline.grant('rooms/1', scene.user.id);
	const { cookie } = scene.user;
	class WithCookie extends EventSource {
		constructor(url: string) {
			const options = { headers: { cookie } };
			super(url, {
				fetch: (input, init) =>
					fetch(input, { ...init, headers: { ...init.headers, ...options.headers } })
			});
		}
	}
	const client = new SSEClient<{ 'rooms/[room]/typing': boolean }>(
		scene.server.stream('').slice(0, -1),
		{ topics: { 'rooms/*/typing': () => undefined }, eventSource: WithCookie }
	);
	try {
		// Here it is compiled as for a server, where a client does not connect by itself.
		client.connect();
		await until(() => client.status === 'connected', { what: 'it is connected' });
		sender.send('type');
		const typing = () => client.signals('rooms/1/typing').map(({ from }) => from?.name);
		await until(() => typing().length === 1, { what: 'somebody types' });
		const shown = Date.now();
		// Longer than one signal lasts: the next ones keep it alive.
		await until(() => typing().length === 1 && Date.now() - shown > 2000, { what: 'it lasts' });
		expect(typing()).toEqual(['Ann']);
		await sender.kill9();
		const killed = Date.now();
		await until(() => typing().length === 0, { what: 'the typing has ended' });
		expect(Date.now() - killed).toBeLessThan(2500);
		expect(client.status).toBe('connected');
	} finally {
		client.close();
	}
});
