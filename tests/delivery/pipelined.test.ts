import { connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { openScene, type Scene } from '../support/scene.ts';
import { until } from '../support/until.ts';

let scene: Scene;
afterEach(() => scene.close());

test('streams that wait behind another on their connection end with that connection', async () => {
	scene = await openScene();
	const { port, app } = scene.server;
	const socket = connect(port, '127.0.0.1');
	const topics = ['a', 'b', 'c'];
	const ask = (topic: string) =>
		`GET /api/events?topics=${topic}&client=${topic} HTTP/1.1\r\nHost: x\r\nCookie: ${scene.user.cookie}\r\n\r\n`;
	socket.write(topics.map(ask).join(''));
	await until(() => topics.every((topic) => app.logline.isSubscribed(topic)), {
		what: 'all are open'
	});
	socket.destroy();
	await until(() => app.logline.parts.streams.connections.size === 0, { what: 'all are over' });
	expect(await scene.server.sockets()).toBe(0);
});
