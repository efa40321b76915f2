import { afterEach, describe, expect, test } from 'vitest';
import { createUser, type TestUser, readState } from '../support/app-server.ts';
import { openScene, type Scene } from '../support/scene.ts';

let scene: Scene;
afterEach(() => scene.close());

describe('a topic that is not for everybody', () => {
	test('is in no page and no history of who may not subscribe to it', async () => {
		scene = await openScene();
		await scene.insert('staff', 'secret');
		const { app } = scene.server;
		const refusal = { code: 'forbidden_topic', status: 403 };
		await expect(readState(app, scene.user, ['a', 'staff'])).rejects.toMatchObject(refusal);
		const history = async () =>
			app.logline.history(scene.user, 'staff', { before: null, limit: 10 });
		await expect(history()).rejects.toMatchObject(refusal);
		const boss = await createUser(scene.database.url, 'boss');
		expect((await readState(app, boss, ['staff'])).events).toHaveLength(1);
		expect(
			(await app.logline.history(boss, 'staff', { before: null, limit: 10 })).events
		).toHaveLength(1);
	});

	test('is not even named to who may not see it, and nothing is named to who is not signed in', async () => {
		scene = await openScene();
		const ask = async (cookie: string) => {
			const response = await fetch(scene.server.stream('topics=nonsense'), { headers: { cookie } });
			const { error } = (await response.json()) as { error: { message: string } };
			return { status: response.status, message: error.message };
		};
		const boss = await createUser(scene.database.url, 'boss');
		expect(await ask(boss.cookie)).toEqual({
			status: 400,
			message:
				'There is no topic "nonsense". Topics: a, b, c, d, e, recent, legacy, staff, pointers, rooms/[room]/messages, rooms/[room]/typing, lobbies/[lobby]/notices, clubs/[club]/news, desks/[desk]/lines, orgs/[org]/projects/[project]/log, orgs/[org]/chat.'
		});
		expect(await ask(scene.user.cookie)).toEqual({
			status: 400,
			message:
				'There is no topic "nonsense". Topics: a, b, c, d, e, recent, legacy, pointers, rooms/[room]/messages, rooms/[room]/typing, lobbies/[lobby]/notices, clubs/[club]/news, desks/[desk]/lines, orgs/[org]/projects/[project]/log, orgs/[org]/chat.'
		});
		expect(await ask('')).toEqual({ status: 401, message: 'Sign in first.' });
	});
});

describe('an event that is for one user alone', () => {
	/** Inserts events in turn for everyone, for the user and for another user. */
	async function mixed(): Promise<TestUser> {
		const stranger = await createUser(scene.database.url);
		await scene.sql`
			insert into events (topic, user_id, data)
			select 'a', (array[null, ${scene.user.id}, ${stranger.id}]::text[])[i % 3 + 1],
				to_jsonb((array['all', 'mine', 'theirs'])[i % 3 + 1])
			from generate_series(0, 8) i`;
		return stranger;
	}
	const visible = ['all', 'mine', 'all', 'mine', 'all', 'mine'];

	test('is in no page, history or replay of another, when they are read from the database', async () => {
		scene = await openScene();
		await mixed();
		// More than a starting server reads into memory.
		await scene.sql`insert into events (topic, data) select 'e', '0' from generate_series(1, 2100)`;
		const server = await scene.addServer();
		expect(server.app.health().head).toBe('2109');
		const page = await readState(server.app, scene.user, ['a']);
		expect(page.events.map(({ data }) => data)).toEqual(visible);
		const history = await server.app.logline.history(scene.user, 'a', { before: null, limit: 10 });
		expect(history.events.map(({ json }) => JSON.parse(json!))).toEqual(visible.toReversed());
		const client = scene.open('topics=a', { server });
		await client.caughtUp();
		expect(client.data('a')).toEqual(visible);
	});

	test('is in no replay of another, when it comes from memory', async () => {
		scene = await openScene();
		await mixed();
		const server = await scene.addServer();
		const client = scene.open('topics=a', { server });
		await client.caughtUp();
		expect(client.data('a')).toEqual(visible);
	});
});
