/** What a search of the explorer finds, the SQL that it shows, and the filters that it refuses. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LoglineError } from '../../src/lib/protocol/index.ts';
import type { ExploreFilter } from '../../src/lib/server/index.ts';
import { Random } from '../faults/random.ts';
import { command } from '../support/command.ts';
import { openGrantedScene, type GrantedScene } from '../support/granted-scene.ts';
import { exploredIn, SCOPES, SEED, TOPICS, viewerOf, WORDS, writeIn } from './exploring.ts';
import { liftBounds } from '../support/bounds.ts';

let scene: GrantedScene;
const explorer = () => scene.server.app.logline;
const viewer = () => viewerOf(scene);

describe('a search', () => {
	afterEach(() => scene.close());

	it('the SQL of a search finds the same events, for random filters', async () => {
		scene = await openGrantedScene();
		const random = new Random(SEED);
		for (const scope of SCOPES) if (random.chance(0.6)) await scene.grant(scope);
		await writeIn(scene, random, 120);
		await scene.grant('clubs/1');
		await writeIn(scene, random, 120);
		await scene.settled();
		const { events } = await explorer().explore(viewer(), {}, { limit: 200 });
		const some = () => random.pick(events);
		let found = 0;
		for (let i = 0; i < 150; i++) {
			const filter: ExploreFilter = {
				topics: random.chance(0.5)
					? [random.pick([...TOPICS, 'rooms/*', '*', 'o*s/*log', 'no'])]
					: [],
				audience: random.pick(['all', 'all', 'mine', 'everyone'] as const),
				...(random.chance(0.3) ? { after: BigInt(some().id) } : {}),
				...(random.chance(0.3) ? { to: BigInt(some().id) } : {}),
				...(random.chance(0.2) ? { since: some().at } : {}),
				...(random.chance(0.2) ? { until: some().at } : {}),
				...(random.chance(0.4)
					? { text: random.pick([...WORDS, 'GRÜN', '%', '_', '\\\\', "'"]) }
					: {}),
				where: random.chance(0.4)
					? [
							random.pick([
								{ path: 'n', value: '3' },
								{ path: 'text', value: random.pick(WORDS) },
								{ path: 'deep.a-b[0]', value: 'true' },
								{ path: '$.**.n', value: '2' },
								{ path: 'none', value: 'null' }
							])
						]
					: []
			};
			const before = random.chance(0.2) ? BigInt(some().id) : null;
			const limit = random.pick([3, 200]);
			const page = await explorer().explore(viewer(), filter, { before, limit });
			const rows = await scene.sql.unsafe<{ id: string }[]>(page.sql);
			expect(
				page.events.map(({ id }) => id),
				page.sql
			).toEqual(rows.map(({ id }) => id));
			found += rows.length;
		}
		expect(found).toBeGreaterThan(500);
	});

	it('the SQL of a search runs as it is where a person pastes it, in npm run sql', async () => {
		scene = await openGrantedScene();
		await explorer().append([
			{ topic: 'a', data: { text: `it's "50%" of $text \\ and more` } },
			{ topic: 'a', data: { text: 'something else' } }
		]);
		const filter: ExploreFilter = {
			text: `it's`,
			where: [{ path: '$.text', value: `it's "50%" of $text \\ and more` }]
		};
		const { sql, events } = await explorer().explore(viewer(), filter);
		expect(events).toHaveLength(1);
		const env = { DATABASE_URL: scene.database.url };
		const { out, code } = await command('sql', ['--json'], { env, input: `${sql}\n` });
		expect(code).toBe(0);
		const rows = JSON.parse(out) as { id: string | number }[];
		expect(rows.map(({ id }) => String(id))).toEqual(events.map(({ id }) => id));
	});

	it('finds text in any case, and values by their path', async () => {
		scene = await openGrantedScene();
		const ids = (
			await explorer().append(
				[
					{ name: 'Ada', n: 3, tags: ['x', 'y'], 'my-key': null },
					{ name: 'ada', n: '3', deep: { name: 'Bob' } },
					{ name: '100%', n: 1e20 }
				].map((data) => ({ topic: 'a', data }))
			)
		).map(({ id }) => id);
		const find = async (filter: ExploreFilter) =>
			(await exploredIn(scene, filter)).map((id) => ids.indexOf(id) + 1);
		expect(await find({ text: 'ADA' })).toEqual([1, 2]);
		expect(await find({ text: '%' })).toEqual([3]);
		expect(await find({ where: [{ path: 'n', value: '3' }] })).toEqual([1, 2]);
		expect(await find({ where: [{ path: 'name', value: 'Ada' }] })).toEqual([1]);
		expect(await find({ where: [{ path: 'deep.name', value: 'Bob' }] })).toEqual([2]);
		expect(await find({ where: [{ path: 'tags[1]', value: 'y' }] })).toEqual([1]);
		expect(await find({ where: [{ path: 'tags', value: 'y' }] })).toEqual([1]);
		expect(await find({ where: [{ path: 'my-key', value: 'null' }] })).toEqual([1]);
		expect(await find({ where: [{ path: '$.**.name', value: 'Bob' }] })).toEqual([2]);
		expect(await find({ text: 'a', where: [{ path: 'n', value: '3' }], audience: 'mine' })).toEqual(
			[]
		);
	});

	it('counts the newest ten thousand events for each topic and time, and says that there are more', async () => {
		scene = await openGrantedScene();
		await scene.sql`
			insert into events (topic, data, created_at)
			select case when i % 4 = 0 then 'b' else 'a' end, '1', timestamptz '2026-01-01' + i * interval '1 minute'
			from generate_series(1, 12000) as i`;
		// Older versions accepted such times.
		await liftBounds(scene.sql);
		await scene.sql`insert into events (topic, data, created_at) values ('a', '1', 'infinity')`;
		const { buckets, step, counted, complete } = await explorer().exploreCounts(viewer());
		expect({ step, counted, complete }).toEqual({
			step: 10_800_000,
			counted: 10_000,
			complete: false
		});
		const of = (topic: string) => buckets.filter((bucket) => bucket.topic === topic);
		const sum = (topic: string) => of(topic).reduce((total, { count }) => total + count, 0);
		expect([sum('a'), sum('b')]).toEqual([7499, 2500]);
		expect(Math.max(...of('b').map(({ count }) => count))).toBe(45);
		expect(of('a').every(({ at }) => at % step === 0)).toBe(true);
	});
});

describe('a filter', () => {
	beforeAll(async () => {
		scene = await openGrantedScene();
	});
	afterAll(() => scene.close());

	it.each<[string, ExploreFilter, string]>([
		['a topic that cannot be one', { topics: ["a' or true"] }, 'invalid_filter'],
		['a topic of the log itself', { topics: ['$granted'] }, 'invalid_filter'],
		['a time that is none', { since: 'yesterday' }, 'invalid_filter'],
		['a day that no month has', { since: '2026-02-30T00:00:00Z' }, 'invalid_filter'],
		['a zone that is none', { until: '2026-02-03T00:00:00+20:00' }, 'invalid_filter'],
		['a minute of a zone that is none', { until: '2026-02-03T00:00:00+01:75' }, 'invalid_filter'],
		['an hour that no day has', { since: '2026-02-03T25:00:00Z' }, 'invalid_filter'],
		[
			'half of a character in a value',
			{ where: [{ path: 'a', value: '\ud800' }] },
			'invalid_filter'
		],
		['half of a character in a text', { text: '\ud800' }, 'invalid_filter'],
		[
			'half of a character in a path',
			{ where: [{ path: '$.\ud800', value: 'x' }] },
			'invalid_filter'
		],
		['text with a NUL', { text: 'a\0b' }, 'invalid_filter'],
		['too much text', { text: 'x'.repeat(201) }, 'invalid_filter'],
		['a negative id', { after: -1n }, 'invalid_filter'],
		['too many topics', { topics: Array<string>(33).fill('a') }, 'invalid_filter']
	])('%s gets a clear refusal', async (_what, filter, code) => {
		const refused = await explorer()
			.explore(viewer(), filter)
			.catch((error: unknown) => error);
		expect(refused).toBeInstanceOf(LoglineError);
		expect(refused).toMatchObject({ code, status: 400 });
	});

	it('every time that it accepts is one that Postgres understands', async () => {
		// Without an event, Postgres reads no condition.
		await scene.insert('a', 1);
		const random = new Random(SEED);
		const two = (most: number) => String(random.between(0, most)).padStart(2, '0');
		let searched = 0;
		for (let i = 0; i < 150; i++) {
			const zone = random.pick(['Z', `+${two(16)}:${two(60)}`, `-${two(15)}:00`]);
			const year = random.pick(['0001', '1900', '2024', '2026', '9999']);
			const seconds = random.pick(['', `:${two(60)}`, ':00.123456']);
			const since = `${year}-${two(13)}-${two(32)}T${two(24)}:${two(60)}${seconds}${zone}`;
			const refused = await explorer()
				.explore(viewer(), { since })
				.then(
					() => (searched++, null),
					(error: unknown) => error
				);
			if (refused) expect(refused, since).toMatchObject({ code: 'invalid_filter' });
		}
		expect(searched).toBeGreaterThan(30);
	});
});
