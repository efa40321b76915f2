import { afterEach, expect, test } from 'vitest';
import { createSession, createUser } from '../support/app-server.ts';
import { openScene, type Scene } from '../support/scene.ts';
import { StreamClient } from '../support/stream-client.ts';
import { until } from '../support/until.ts';

let scene: Scene;
afterEach(() => scene.close());

test('a page of one user is told when another has signed in, and gets nothing of theirs', async () => {
	scene = await openScene();
	const mine = scene.open('topics=a&client=page');
	const { user, log } = (await mine.caughtUp()).data as { user: string; log: string };
	expect(user).toBe(scene.user.id);
	mine.close();
	const other = await createUser(scene.database.url);
	await scene.sql`insert into events (topic, user_id, data) values ('a', ${other.id}, '"theirs"')`;
	const query = `topics=a&client=page&user=${user}&log=${log}&lastEventID=${mine.cursor}`;
	const back = new StreamClient(scene.server.stream(query), { cookie: other.cookie });
	await until(() => back.ended);
	expect(back.data('signed-out')).toEqual([{ reason: 'Somebody else has signed in.' }]);
	expect(back.data('a')).toEqual([]);
	expect(scene.server.app.logline.parts.streams.connections.size).toBe(0);
	const [rows] =
		await scene.sql`select count(*)::int as n from topic_subscriptions where client_id = 'page'`;
	expect(rows!.n).toBe(1);
});

test('a page whose session ended while it was away is told so', async () => {
	scene = await openScene();
	await scene.sql`delete from sessions`;
	const back = scene.open(`topics=a&user=${scene.user.id}&lastEventID=0`);
	await until(() => back.ended);
	expect(back.data('signed-out')).toEqual([{ reason: 'The session has ended.' }]);
});

test('a page goes on when its user signs in again', async () => {
	scene = await openScene();
	const { id: userId } = scene.user;
	const before = scene.open('topics=a&client=page');
	await before.caughtUp();
	await scene.sql`delete from sessions`;
	await before.arrived('signed-out');
	await scene.sql`insert into events (topic, user_id, data) values ('a', ${userId}, '"mine"')`;
	const { cookie } = await createSession(scene.database.url, userId);
	const query = `topics=a&client=page&user=${userId}&lastEventID=${before.cursor}`;
	const back = new StreamClient(scene.server.stream(query), { cookie });
	await back.arrived('a');
	expect(back.data('a')).toEqual(['mine']);
	back.close();
});
