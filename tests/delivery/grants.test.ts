/** Streams of topics that depend on grants: rooms that somebody joins and leaves while streams are open, slow or away. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
	ALL_ROOMS,
	type GrantedScene,
	openGrantedScene,
	ROOM,
	story,
	tells
} from '../support/granted-scene.ts';
import { until } from '../support/until.ts';

let scene: GrantedScene;
beforeEach(async () => {
	scene = await openGrantedScene();
});
afterEach(() => scene.close());

describe('a stream that is open', () => {
	test('gets a room with its history as soon as its user is granted it, and nothing after the user has lost it', async () => {
		await scene.insert(ROOM(1), 'before');
		await scene.insert(ROOM(2), 'never');
		const client = scene.open(ALL_ROOMS);
		await client.caughtUp();
		await scene.grant('rooms/1');
		await scene.insert(ROOM(1), 'live');
		await tells(client, `subscribed ${ROOM(1)}`, `${ROOM(1)} before`, `${ROOM(1)} live`);
		await scene.revoke('rooms/1');
		await scene.insert(ROOM(1), 'after');
		await scene.insert('a', 'x');
		await scene.grant('rooms/2');
		await tells(
			client,
			`subscribed ${ROOM(1)}`,
			`${ROOM(1)} before`,
			`${ROOM(1)} live`,
			`denied ${ROOM(1)} revoked`,
			`subscribed ${ROOM(2)}`,
			`${ROOM(2)} never`
		);
	});

	test('is told of a named room that it may not see, and gets it when it may', async () => {
		await scene.insert(ROOM(1), 'before');
		const client = scene.open(`topics=a&topics=${ROOM(1)}`);
		await client.caughtUp();
		await scene.insert('a', 1);
		await scene.grant('rooms/1');
		await scene.insert(ROOM(1), 'live');
		await tells(
			client,
			`denied ${ROOM(1)} forbidden`,
			'a 1',
			`${ROOM(1)} before`,
			`${ROOM(1)} live`
		);
	});

	test('keeps its cursor while the history of a room is sent, so that a cut loses nothing', async () => {
		await scene.insert(ROOM(1), 'one', 'two', 'three');
		await scene.insert('a', 'x');
		const client = scene.open(`topics=a&${ALL_ROOMS}&client=me`);
		await client.caughtUp();
		const cursor = BigInt(client.cursor);
		// `subscribed`, the old events, and what follows: cut after each of them.
		await scene.grant('rooms/1');
		await until(() => client.of(ROOM(1)).length === 3, { what: 'the history' });
		const [granted] =
			await scene.sql`select max(id)::text as id from events where topic = '$granted'`;
		for (const { event, id } of client.received) {
			if (event === ROOM(1)) expect(BigInt(id)).toBeLessThan(cursor);
		}
		client.close();
		const again = scene.open(`topics=a&${ALL_ROOMS}&client=me`, { lastEventID: String(cursor) });
		await again.caughtUp();
		expect(again.data(ROOM(1))).toEqual(['one', 'two', 'three']);
		const after = scene.open(`topics=a&${ALL_ROOMS}&client=me`, {
			lastEventID: granted!.id as string
		});
		await after.caughtUp();
		expect(after.data(ROOM(1))).toEqual([]);
	});

	test('gets of a club only what came after the grant, now and when it returns', async () => {
		await scene.insert('clubs/1/news', 'secret');
		const client = scene.open('topics=clubs/*/news&client=me');
		await client.caughtUp();
		await scene.grant('clubs/1');
		await scene.insert('clubs/1/news', 'welcome');
		await tells(client, 'subscribed clubs/1/news', 'clubs/1/news welcome');
		const anew = scene.open('topics=clubs/*/news&client=other');
		await anew.caughtUp();
		expect(anew.data('clubs/1/news')).toEqual(['welcome']);
	});

	test('gets of a desk the last three lines, also in pieces', async () => {
		await scene.insert('desks/1/lines', 1, 2, 3, 4, 5);
		const client = scene.open('topics=desks/*/lines&client=me');
		await client.caughtUp();
		await scene.grant('desks/1');
		await tells(client, 'subscribed desks/1/lines', ...[3, 4, 5].map((n) => `desks/1/lines ${n}`));
		client.close();
		// It had nothing of it when it was cut, and much has been written since.
		await scene.insert('desks/1/lines', 6, 7, 8, 9);
		const again = scene.open('topics=desks/*/lines&client=me', { lastEventID: '1' });
		await again.caughtUp();
		expect(again.data('desks/1/lines')).toEqual([3, 4, 5, 6, 7, 8, 9]);
	});

	test('is brought a topic by the first wildcard that fits, with the history that is owed to this one', async () => {
		const [all, org, log] = [
			'orgs/*/projects/*/log',
			'orgs/7/projects/*/log',
			'orgs/7/projects/1/log'
		];
		await scene.grant('orgs/7');
		await scene.insert(log, 'one');
		const first = scene.open(`topics=${org}@0&client=me`);
		const { id: cursor } = await first.caughtUp();
		first.close();
		for (const [query, history] of [
			[`topics=${org}@0&topics=${all}@1`, []],
			[`topics=${all}@1&topics=${org}@0`, ['one']]
		] as const) {
			const client = scene.open(`${query}&client=me`, { lastEventID: cursor });
			await client.caughtUp();
			expect(client.data(log)).toEqual(history);
			client.close();
		}
	});

	test('follows a project through the organisation or through the project itself, and new projects appear', async () => {
		const log = (org: number, project: number) => `orgs/${org}/projects/${project}/log`;
		await scene.insert(log(7, 1), 'one');
		const client = scene.open('topics=orgs/*/projects/*/log');
		await client.caughtUp();
		await scene.grant('orgs/7');
		const first = [`subscribed ${log(7, 1)}`, `${log(7, 1)} one`];
		await tells(client, ...first);
		await scene.insert(log(7, 2), 'new');
		await scene.insert(log(8, 2), 'not mine');
		// A stream that has not come so far when the organisation is lost is told of that first.
		const second = [`subscribed ${log(7, 2)}`, `${log(7, 2)} new`];
		await tells(client, ...first, ...second);
		await scene.grant('orgs/7/projects/2');
		await scene.revoke('orgs/7');
		await scene.insert(log(7, 1), 'lost');
		await scene.insert(log(7, 2), 'kept');
		await tells(client, ...first, ...second, `denied ${log(7, 1)} revoked`, `${log(7, 2)} kept`);
	});

	test('on another server loses the room as well', async () => {
		const other = await scene.addServer();
		await scene.grant('rooms/1');
		const client = scene.open(ALL_ROOMS, { server: other });
		await client.caughtUp();
		await scene.revoke('rooms/1');
		await scene.insert(ROOM(1), 'after');
		await scene.insert('a', 'x');
		const [row] = await scene.sql`select max(id)::text as head from events`;
		await until(() => other.app.health().head === row!.head, {
			what: 'the other server has read it'
		});
		await until(() => story(client).length === 2, { what: 'it was told' });
		expect(story(client)).toEqual([`subscribed ${ROOM(1)}`, `denied ${ROOM(1)} revoked`]);
	});

	test('that is slow is sent nothing more of a room that its user has lost, not even older events', async () => {
		await scene.grant('rooms/1');
		const text = 'x'.repeat(20_000);
		await scene.sql`insert into events (topic, data) select ${ROOM(1)}, to_jsonb(i || ${text}) from generate_series(1, 3000) i`;
		await scene.settled();
		const client = scene.open(`${ALL_ROOMS}&topics=a`);
		await until(() => client.of(ROOM(1)).length > 20, { what: 'it receives' });
		client.pause();
		await scene.revoke('rooms/1');
		await scene.insert('a', 'x');
		client.resume();
		await client.arrived('a', 30_000);
		expect(client.of(ROOM(1)).length).toBeLessThan(3000);
		const names = client.received.map(({ event }) => event).filter((name) => name !== 'keep-alive');
		expect(names.slice(names.indexOf('denied'))).not.toContain(ROOM(1));
	});
});

describe('a client that was away', () => {
	test('gets what came meanwhile of the rooms that it kept, and the whole of a new one', async () => {
		await scene.grant('rooms/1');
		await scene.insert(ROOM(1), 'one');
		await scene.insert(ROOM(2), 'old');
		const client = scene.open(`${ALL_ROOMS}&client=me`);
		await client.caughtUp();
		const { cursor } = client;
		client.close();
		await scene.insert(ROOM(1), 'two');
		await scene.grant('rooms/2');
		await scene.insert(ROOM(2), 'new');
		const again = scene.open(`${ALL_ROOMS}&client=me`, { lastEventID: cursor });
		await again.caughtUp();
		expect(again.data(ROOM(1))).toEqual(['two']);
		expect(again.data(ROOM(2))).toEqual(['old', 'new']);
	});

	test('is told that a room was lost meanwhile, and gets its history again if it was granted again', async () => {
		await scene.grant('rooms/1');
		await scene.grant('rooms/2');
		await scene.insert(ROOM(1), 'one');
		await scene.insert(ROOM(2), 'zwei');
		const client = scene.open(`${ALL_ROOMS}&client=me`);
		await client.caughtUp();
		const { cursor } = client;
		client.close();
		await scene.revoke('rooms/1');
		await scene.revoke('rooms/2');
		await scene.insert(ROOM(1), 'hidden then');
		await scene.grant('rooms/1');
		const again = scene.open(`${ALL_ROOMS}&client=me`, { lastEventID: cursor });
		await again.caughtUp();
		expect(story(again)).toEqual([
			`denied ${ROOM(1)} revoked`,
			`denied ${ROOM(2)} revoked`,
			`subscribed ${ROOM(1)}`,
			`${ROOM(1)} one`,
			`${ROOM(1)} hidden then`
		]);
	});

	test('and comes between a revoke and its place in the log is shown nothing of the room', async () => {
		await scene.grant('rooms/1');
		await scene.insert(ROOM(1), 'secret');
		const client = await scene.sql.begin(async (tx) => {
			await tx`select logline_lock()`;
			await scene.sql`delete from grants`;
			const opened = scene.open(ALL_ROOMS);
			await until(() => scene.server.app.health().activeConnections === 1, {
				what: 'it is opening'
			});
			return opened;
		});
		await client.caughtUp();
		expect(story(client)).toEqual([]);
	});

	test('and comes between a revoke and a grant that the log never saw apart keeps its room', async () => {
		await scene.grant('rooms/1');
		await scene.insert(ROOM(1), 'one');
		const before = scene.open(`${ALL_ROOMS}&client=me`);
		await before.caughtUp();
		before.close();
		const again = await scene.sql.begin(async (tx) => {
			await tx`select logline_lock()`;
			await scene.sql`delete from grants`;
			const opened = scene.open(`${ALL_ROOMS}&client=me`, { lastEventID: before.cursor });
			await until(() => scene.server.app.health().activeConnections === 1, {
				what: 'it is opening'
			});
			await scene.sql`insert into grants (scope, user_id) values ('rooms/1', ${scene.user.id})`;
			return opened;
		});
		await again.caughtUp();
		await scene.insert(ROOM(1), 'two');
		await tells(again, `subscribed ${ROOM(1)}`, `${ROOM(1)} two`);
	});

	test('and asks for a room alone that it may not see is refused; a wildcard waits', async () => {
		await scene.insert(ROOM(1), 'one');
		const refused = scene.open(`topics=${ROOM(1)}`);
		await until(() => refused.ended, { what: 'the refusal' });
		expect(refused.status).toBe(403);
		const nothing = scene.open('topics=nothing&topics=roms/1/messages');
		await until(() => nothing.ended, { what: 'the refusal' });
		expect(nothing.status).toBe(400);
		const partly = scene.open('topics=a&topics=nothing');
		await partly.caughtUp();
		expect(story(partly)).toEqual(['denied nothing unknown']);
		const waits = scene.open(ALL_ROOMS);
		await waits.caughtUp();
		expect(story(waits)).toEqual([]);
	});
});
