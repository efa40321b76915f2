/** A search that takes too long ends, and nobody else waits for it. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Viewer } from '../../src/lib/protocol/index.ts';
import { whileWanted } from '../../src/lib/server/database/wanted.ts';
import { openGrantedScene, type GrantedScene } from '../support/granted-scene.ts';
import { until } from '../support/until.ts';
import { exploredIn, viewerOf } from './exploring.ts';

let scene: GrantedScene;
const explorer = () => scene.server.app.logline;
const viewer = () => viewerOf(scene);

/**
 * Writes events of a megabyte of numbers each. A search that looks at each number takes up to a second for one of them: for all of
 * them, longer than a search may take, on any machine.
 */
async function fillWithNumbers(): Promise<void> {
	await scene.sql`
		insert into events (topic, data) values ('a', ('[1' || repeat(',1', 340000) || ']')::jsonb)`;
	// A stored value is copied as it is. A new one would be compressed for each row.
	await scene.sql`
		insert into events (topic, data) select topic, data from events, generate_series(1, 39)`;
}

beforeAll(async () => {
	scene = await openGrantedScene();
	await fillWithNumbers();
	await scene.insert('b', 'short');
});
afterAll(() => scene.close());

it('a search that takes too long is ended and says so, and nobody who reads history waits for it', async () => {
	const where = [{ path: '$.**', value: 'x' }];
	const searches = Array.from({ length: 2 }, () =>
		explorer()
			.explore(viewer(), { where })
			.catch((error: unknown) => error)
	);
	const running = async () => {
		const [row] = await scene.sql`
			select count(*)::int as count from pg_stat_activity
			where datname = current_database() and state = 'active' and pid <> pg_backend_pid()
				and query like '%jsonb_path_exists%'`;
		return row!.count >= 1;
	};
	await until(running, { what: 'a search runs' });
	const history = explorer().history(viewer(), 'b');
	const first = await Promise.race([history, ...searches]);
	expect(first).toMatchObject({ events: [{ topic: 'b' }] });
	for (const refused of await Promise.all(searches)) {
		expect(refused).toMatchObject({ code: 'search_too_slow', status: 422 });
	}
	expect(await exploredIn(scene, { topics: ['b'] })).toHaveLength(1);
});

it('one user who floods it with slow searches does not keep another from an answer', async () => {
	const where = [{ path: '$.**', value: 'x' }];
	const codes: unknown[] = [];
	const flood = (signal?: AbortSignal) =>
		(signal ? whileWanted(signal, search) : search()).then(
			() => codes.push(null),
			(error: unknown) => codes.push((error as { code: unknown }).code)
		);
	const search = () => explorer().exploreCounts(viewer(), { where });
	const gone = new AbortController();
	for (let i = 0; i < 4; i++) void flood();
	void flood(gone.signal);
	await expect(explorer().explore(viewer(), { where })).rejects.toMatchObject({
		code: 'too_many_searches',
		status: 429,
		retryAfter: 3
	});
	// Who has disconnected does not take a place.
	gone.abort();
	await until(() => codes[0] === 'client_gone');
	void flood();
	const other: Viewer = { id: 'somebody else', name: 'x' };
	const page = await explorer().explore(other, { topics: ['b'] });
	expect(page.events).toHaveLength(1);
	// All others of the flood still wait.
	expect(codes.slice(1).length).toBeLessThanOrEqual(1);
	await until(() => codes.length >= 3, { what: 'the next of the flood has its turn' });
	expect(codes.slice(1, 3)).toEqual(['search_too_slow', 'search_too_slow']);
});
