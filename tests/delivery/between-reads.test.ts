/** A request reads the grants of its viewer, and what they show in other statements. A grant may end in between. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Topic } from '../../src/lib/protocol/index.ts';
import { type GrantedScene, openGrantedScene, ROOM, story } from '../support/granted-scene.ts';
import { until } from '../support/until.ts';

let scene: GrantedScene;
beforeEach(async () => {
	scene = await openGrantedScene();
});
afterEach(async () => {
	vi.restoreAllMocks();
	await scene.close();
});

/** Acts once between two statements: before or after one with the text, by default the next. */
function actOnce(
	when: 'before' | 'after',
	part: string,
	act: () => Promise<void>,
	{ skip = 0 } = {}
): void {
	const { pool } = scene.server.app.logline.parts;
	const query = pool.query.bind(pool);
	const spy = vi.spyOn(pool, 'query').mockImplementation((async (
		text: string,
		...rest: [never, never]
	) => {
		if (!text.includes(part) || skip-- > 0) return query(text, ...rest);
		spy.mockRestore();
		if (when === 'before') await act();
		const rows = await query(text, ...rest);
		if (when === 'after') await act();
		return rows;
	}) as typeof pool.query);
}

describe('what is appended after a revoke has committed is not seen, when both happen while somebody asks for', () => {
	beforeEach(async () => {
		await scene.grant('rooms/1');
		await scene.insert(ROOM(1), 'one');
		actOnce('after', 'FROM grant_history', async () => {
			await scene.revoke('rooms/1');
			await scene.insert(ROOM(1), 'secret');
		});
	});
	afterEach(async () => {
		const [row] =
			await scene.sql`select count(*)::int as count from events where topic = ${ROOM(1)}`;
		expect(row!.count, 'it was appended meanwhile').toBe(2);
	});

	test('a page, and its stream goes on where the page ends', async () => {
		const { events, cursor } = await scene.server.app.logline.read(scene.user, [ROOM(1) as Topic]);
		expect(events.map(({ data }) => data)).toEqual(['one']);
		const client = scene.open(`topics=a&topics=${ROOM(1)}`, { lastEventID: cursor });
		await client.caughtUp();
		expect(story(client)).toEqual([`denied ${ROOM(1)} revoked`]);
	});

	test('the history', async () => {
		const { events } = await scene.server.app.logline.history(scene.user, ROOM(1));
		expect(events.map(({ json }) => json)).toEqual(['"one"']);
	});

	test('the explorer', async () => {
		const { events } = await scene.server.app.logline.explore(scene.user, { topics: [ROOM(1)] });
		expect(events.map(({ json }) => json)).toEqual(['"one"']);
	});

	test('the counts of the explorer', async () => {
		const filter = { topics: [ROOM(1)] };
		const { counted } = await scene.server.app.logline.exploreCounts(scene.user, filter);
		expect(counted).toBe(1);
	});

	test('one event and its neighbours', async () => {
		const [row] = await scene.sql`select id::text from events where topic = ${ROOM(1)}`;
		const found = await scene.server.app.logline.exploreEvent(
			scene.user,
			BigInt(row!.id as string)
		);
		expect(found).toMatchObject({ event: { json: '"one"' }, next: null });
	});
});

describe('a grant of a project that ends while a stream is opening', () => {
	const LOG = 'orgs/7/projects/1/log';
	beforeEach(async () => {
		await scene.grant('orgs/7');
		await scene.insert(LOG, 'one');
	});
	const revokeBetween = (skip = 0) =>
		actOnce('before', 'logline_granted_since', () => scene.revoke('orgs/7'), { skip });

	test('is told as the end of a topic that was named', async () => {
		revokeBetween();
		const client = scene.open(`topics=a&topics=${LOG}`);
		await client.caughtUp();
		await scene.insert('a', 'x');
		await client.arrived('a');
		expect(story(client)).toEqual([`denied ${LOG} revoked`, 'a x']);
	});

	test('is told as the end of a topic that a wildcard brought before', async () => {
		const query = 'topics=a&topics=orgs/*/projects/*/log&client=me';
		const before = scene.open(query);
		await before.caughtUp();
		before.close();
		// A stream reads twice: the second time it watches what the first one found.
		revokeBetween(1);
		const client = scene.open(query, { lastEventID: before.cursor });
		await client.caughtUp();
		await scene.insert('a', 'x');
		await client.arrived('a');
		expect(story(client)).toEqual([`denied ${LOG} revoked`, 'a x']);
	});

	test('refuses the stream when nothing else was asked for', async () => {
		revokeBetween();
		const client = scene.open(`topics=${LOG}`);
		await until(() => client.ended, { what: 'the refusal' });
		expect(client.status).toBe(403);
	});
});
