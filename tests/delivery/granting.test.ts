/** What an application that grants can rely on: when a grant counts, and for what besides streams. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Roster } from '../../src/lib/server/streams/roster.ts';
import {
	ALL_ROOMS,
	type GrantedScene,
	openGrantedScene,
	ROOM,
	tells
} from '../support/granted-scene.ts';
import { until } from '../support/until.ts';

let scene: GrantedScene;
beforeEach(async () => {
	scene = await openGrantedScene();
});
afterEach(() => scene.close());

describe('a page', () => {
	test('shows a room to its members only, and a club since they joined', async () => {
		const { logline } = scene.server.app;
		await scene.insert(ROOM(1), 'one');
		await scene.insert('clubs/1/news', 'secret');
		await expect(logline.read(scene.user, [ROOM(1)] as never)).rejects.toMatchObject({
			status: 403
		});
		await scene.grant('rooms/1');
		await scene.grant('clubs/1');
		await scene.insert('clubs/1/news', 'open');
		const { events } = await logline.read(scene.user, [ROOM(1), 'clubs/1/news'] as never);
		expect(events.map(({ data }) => data)).toEqual(['one', 'open']);
		const history = await logline.history(scene.user, 'clubs/1/news');
		expect(history.events.map(({ json }) => json)).toEqual(['"open"']);
		expect(history.oldest).toBe(history.events[0]!.id);
		await scene.revoke('rooms/1');
		await expect(logline.history(scene.user, ROOM(1))).rejects.toMatchObject({ status: 403 });
	});
});

describe('who grants is told what is wrong', () => {
	test.each(['rooms', 'rooms/', 'rooms/1/messages', 'rooms/../x', 'rooms/%2f', 'house/1', ''])(
		'with the scope "%s"',
		async (scope) => {
			const { logline } = scene.server.app;
			const error = await logline.grant(scope, 'ann').catch((error: unknown) => error);
			expect(error).toMatchObject({ code: 'invalid_scope' });
			// The example is of the application.
			const [, pattern] = /For "(.*)" it is/.exec((error as Error).message) ?? [];
			expect(logline.topics.keys()).toContain(pattern);
		}
	);

	test.each(['', 'u\0', 'u\ud800', 'u'.repeat(201)])('with the user %j', async (user) => {
		const { logline } = scene.server.app;
		await expect(logline.grant('rooms/1', user)).rejects.toMatchObject({ code: 'invalid_user' });
	});

	test('with half a character as the source', async () => {
		const granting = scene.server.app.logline.grant('rooms/1', 'ann', { source: '\udc00' });
		await expect(granting).rejects.toMatchObject({ code: 'invalid_source' });
	});
});

test('the database says who is connected, and that a user has received an event', async () => {
	await scene.grant('rooms/1');
	await scene.insert(ROOM(1), 'one');
	const client = scene.open(`${ALL_ROOMS}&client=me`);
	await client.caughtUp();
	const { streams, hub, pool } = scene.server.app.logline.parts;
	await new Roster(streams.connections, () => hub.tail).write(pool);
	const [row] =
		await scene.sql`select *, position::text, ids_behind::int from logline_clients where client_id = 'me'`;
	expect(row).toMatchObject({
		user_id: scene.user.id,
		state: 'live',
		position: String(hub.tail),
		ids_behind: 0,
		topics: [ROOM(1)]
	});
	const gates =
		await scene.sql`select gate, passes from logline_explain(${client.of(ROOM(1))[0]!.id}, ${scene.user.id})`;
	// It could not see the topic yet when the event was appended.
	expect(gates.filter(({ passes }) => passes !== true).map(({ gate }) => gate)).toEqual([]);
});

test('a grant in a transaction is given with its commit, and not without', async () => {
	const { logline } = scene.server.app;
	const client = scene.open(ALL_ROOMS);
	await client.caughtUp();
	await scene.sql
		.begin(async (tx) => {
			await logline.grant('rooms/1', scene.user.id, { tx });
			throw new Error('no');
		})
		.catch(() => undefined);
	await scene.sql.begin(async (tx) => {
		await logline.grant('rooms/2', scene.user.id, { tx });
		await logline.append([{ topic: ROOM(2), data: 'welcome' }], tx);
	});
	await tells(client, `subscribed ${ROOM(2)}`, `${ROOM(2)} welcome`);
	await scene.sql.begin((tx) => logline.revoke('rooms/2', scene.user.id, { tx }));
	await tells(client, `subscribed ${ROOM(2)}`, `${ROOM(2)} welcome`, `denied ${ROOM(2)} revoked`);
});

describe('what is emitted after a grant comes after it, so that a member of a club sees it', () => {
	const CLUB = 'clubs/1/news';

	test('when the grant was given by itself', async () => {
		const { logline } = scene.server.app;
		for (let n = 1; n <= 20; n++) {
			await logline.grant(`clubs/${n}`, scene.user.id);
			await logline.append([{ topic: `clubs/${n}/news`, data: 'welcome' }]);
			expect((await logline.history(scene.user, `clubs/${n}/news`)).events).toHaveLength(1);
		}
	});

	test('when the grant was given in a transaction, and the log has settled', async () => {
		const { logline } = scene.server.app;
		await scene.sql.begin((tx) => logline.grant('clubs/1', scene.user.id, { tx }));
		expect(await logline.settle(scene.user.id)).toBe(true);
		await logline.append([{ topic: CLUB, data: 'welcome' }]);
		expect((await logline.history(scene.user, CLUB)).events).toHaveLength(1);
	});

	test('and the caller is told when the log is behind', async () => {
		const { logline } = scene.server.app;
		const held = scene.sql.begin(async (tx) => {
			await tx`INSERT INTO events (topic, data) VALUES ('a', '1')`;
			await scene.sql`INSERT INTO grants (scope, user_id) VALUES ('clubs/1', ${scene.user.id})`;
			expect(await logline.settle(scene.user.id)).toBe(false);
		});
		await held;
		await until(() => logline.settle(scene.user.id), { what: 'the log has settled' });
	});
});

describe('who was granted a room a moment ago, and comes before the log has noted it', () => {
	/** Grants the room, asks while the log is held, and lets it go when the request has begun to read. */
	const askEarly = <T>(ask: () => T) =>
		scene.sql.begin(async (tx) => {
			await tx`select logline_lock()`;
			await scene.sql`insert into grants (scope, user_id) values ('rooms/1', ${scene.user.id})`;
			const asked = ask();
			// Others' statements are answered meanwhile.
			for (let n = 0; n < 50; n++) await scene.sql`select ${n}`;
			return { asked };
		});

	test('gets the stream of the room', async () => {
		await scene.insert(ROOM(1), 'one');
		const open = () => scene.open(`topics=${ROOM(1)}`);
		const before = open();
		await until(() => before.ended, { what: 'the refusal' });
		expect(before.status).toBe(403);
		const { asked: client } = await askEarly(open);
		await tells(client, `${ROOM(1)} one`);
		expect(client.status).toBe(200);
	});

	test('gets the page of the room, its history, and how much is unread', async () => {
		const { logline } = scene.server.app;
		await scene.insert(ROOM(1), 'one');
		const ask = () =>
			Promise.all([
				logline.read(scene.user, [ROOM(1)] as never),
				logline.history(scene.user, ROOM(1)),
				logline.unread(scene.user, [ROOM(1)])
			]);
		await expect(ask()).rejects.toMatchObject({ status: 403 });
		const { asked } = await askEarly(ask);
		const [page, history, unread] = await asked;
		expect(page.events).toHaveLength(1);
		expect(history.events).toHaveLength(1);
		expect(unread[ROOM(1)]).toMatchObject({ unread: 1 });
	});

	test('is present in the room, and is not told otherwise before', async () => {
		const open = () => scene.open('topics=a&presence=rooms/1');
		const before = open();
		await before.caughtUp();
		expect(before.of('denied')).toHaveLength(1);
		before.close();
		const { asked: client } = await askEarly(open);
		await until(() => client.of('presence').length > 0, { what: 'the list of the room' });
		expect(client.of('denied')).toEqual([]);
	});

	test('is told to come again when the log stays behind, and is not refused', async () => {
		await scene.sql.begin(async (tx) => {
			await tx`select logline_lock()`;
			await scene.sql`insert into grants (scope, user_id) values ('rooms/1', ${scene.user.id})`;
			const early = scene.open(`topics=${ROOM(1)}`);
			await until(() => early.ended, { what: 'the answer' });
			expect(early.status).toBe(503);
			expect(early.headers['retry-after']).toBeDefined();
		});
	});

	test('gets at once what needs no grant, and the room when the log has noted it', async () => {
		await scene.insert('a', 'for all');
		await scene.insert(ROOM(1), 'one');
		const client = await scene.sql.begin(async (tx) => {
			await tx`select logline_lock()`;
			await scene.sql`insert into grants (scope, user_id) values ('rooms/1', ${scene.user.id})`;
			const opened = scene.open(`topics=a&topics=${ROOM(1)}`);
			await opened.caughtUp();
			return opened;
		});
		await tells(client, `denied ${ROOM(1)} forbidden`, 'a for all', `${ROOM(1)} one`);
	});
});
