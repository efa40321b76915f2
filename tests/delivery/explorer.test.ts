/** The explorer looks through the whole log. It must not show what a stream would not give. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LoglineError, type Viewer } from '../../src/lib/protocol/index.ts';
import type { ExploreFilter } from '../../src/lib/server/index.ts';
import { whileWanted } from '../../src/lib/server/database/wanted.ts';
import { Random } from '../faults/random.ts';
import { command } from '../support/command.ts';
import { openGrantedScene, type GrantedScene } from '../support/granted-scene.ts';
import { until } from '../support/until.ts';

let scene: GrantedScene;
/** Scenes that several tests share. The others have their own. */
const shared = new Set<GrantedScene>();
afterEach(async () => {
	if (!shared.has(scene)) await scene.close();
});
async function closeShared(): Promise<void> {
	for (const one of shared) await one.close();
	shared.clear();
}

const SEED = Number(process.env.LOGLINE_SEED ?? 7);

const SCOPES = [
	'rooms/1',
	'rooms/2',
	'clubs/1',
	'desks/1',
	'orgs/1',
	'orgs/1/projects/2',
	'orgs/2'
];
const TOPICS = [
	...['a', 'b', 'recent', 'staff', 'lobbies/1/notices', 'lobbies/2/notices'],
	...['rooms/1/messages', 'rooms/2/messages', 'clubs/1/news', 'desks/1/lines'],
	...['orgs/1/projects/1/log', 'orgs/1/projects/2/log', 'orgs/2/projects/2/log']
];
/** A new client gets of these the newest three events, of now or of its grant, and what came since. History gives the others. */
const WINDOWED = ['recent', 'desks/1/lines'];
/** What a stream asks for to get everything. */
const NAMES = [
	...['a', 'b', 'recent', 'staff', 'lobbies/1/notices', 'lobbies/2/notices'],
	...['rooms/*/messages', 'clubs/*/news', 'desks/*/lines', 'orgs/*/projects/*/log']
];

const explorer = () => scene.server.app.logline;
const viewer = (): Viewer => ({ id: scene.user.id, name: scene.user.name });
const byId = (a: string, b: string) => Number(a) - Number(b);

/** The ids of all pages. */
async function explored(filter?: ExploreFilter): Promise<string[]> {
	const ids: string[] = [];
	for (let before: bigint | null = null; ; before = BigInt(ids.at(-1)!)) {
		const page = await explorer().explore(viewer(), filter, { before, limit: 7 });
		ids.push(...page.events.map(({ id }) => id));
		if (!page.more) return ids.reverse();
	}
}

/** The ids of a topic that a new client gets on a real stream, and those that it would have got before. */
async function given(topic: string, stream: readonly string[]): Promise<string[]> {
	if (!WINDOWED.includes(topic) || stream.length === 0) return [...stream];
	const { events } = await explorer().history(viewer(), topic, { limit: 200 });
	const ids = events.map(({ id }) => id).reverse();
	expect(ids.slice(-stream.length), topic).toEqual(stream);
	return ids;
}

async function compare(): Promise<number> {
	const client = scene.open(NAMES.map((name) => `topics=${name}`).join('&'));
	await client.caughtUp();
	client.close();
	const all: string[] = [];
	for (const topic of TOPICS) {
		const ids = await given(
			topic,
			client.of(topic).map(({ id }) => id)
		);
		expect(await explored({ topics: [topic] }), topic).toEqual(ids);
		all.push(...ids);
	}
	all.sort(byId);
	expect(await explored()).toEqual(all);
	expect(await explorer().exploreCounts(viewer())).toMatchObject({ counted: all.length });
	const rows = await scene.sql<{ id: string }[]>`select id from events order by id`;
	const alone: string[] = [];
	for (const { id } of rows) {
		if (await explorer().exploreEvent(viewer(), BigInt(id))) alone.push(id);
	}
	expect(alone).toEqual(all);
	return all.length;
}

/** Writes events of all topics, for everyone, for the viewer and for another user. */
async function write(random: Random, count: number): Promise<void> {
	for (let i = 0; i < count; i++) {
		await explorer().append([
			{
				topic: random.pick(TOPICS),
				userId: random.pick([null, null, scene.user.id, 'somebody else']),
				data: {
					n: random.between(1, 5),
					text: random.pick(WORDS),
					deep: { 'a-b': [random.next() < 0.5] }
				}
			}
		]);
	}
}

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

const WORDS = ["it's", '50%', 'under_score', 'back\\slash', 'Grün', '"quoted"', 'plain', '$text'];

describe('the explorer', () => {
	it('never shows what a stream would not give, and shows all that it gives, whatever is granted and revoked', async () => {
		scene = await openGrantedScene();
		const random = new Random(SEED);
		const granted = new Set<string>();
		const seen: number[] = [];
		for (let round = 0; round < 8; round++) {
			await write(random, 15);
			for (const scope of SCOPES.filter(() => random.chance(0.4))) {
				if (granted.delete(scope)) await scene.revoke(scope);
				else {
					granted.add(scope);
					await scene.grant(scope);
				}
			}
			await write(random, 5);
			await scene.settled();
			seen.push(await compare());
		}
		expect(Math.max(...seen)).toBeGreaterThan(40);
	});

	it('of an event that a viewer may not see it says the same as of one that does not exist', async () => {
		scene = await openGrantedScene();
		const [mine, other, room] = await explorer().append([
			{ topic: 'a', data: 1, userId: scene.user.id },
			{ topic: 'a', data: 2, userId: 'somebody else' },
			{ topic: 'rooms/1/messages', data: 3 }
		]);
		const look = (id: string) => explorer().exploreEvent(viewer(), BigInt(id));
		expect(await look(other!.id)).toBeNull();
		expect(await look(room!.id)).toBeNull();
		expect(await look('999999')).toBeNull();
		const found = await look(mine!.id);
		expect(found).toMatchObject({
			event: { id: mine!.id, mine: true, json: '1' },
			previous: null,
			next: null
		});
		expect(found!.gates.map(({ gate }) => gate)).toEqual([
			'retained',
			'declared',
			'audience',
			'access',
			'stream'
		]);
	});

	it('it tells why a viewer gets an event without the names of servers and clients, which are for operators', async () => {
		scene = await openGrantedScene();
		const [event] = await explorer().append([{ topic: 'a', data: 1 }]);
		const head = Number(event!.id);
		const streams = [
			[scene.user.id, 'client-1', 'live', head, ['a']],
			[scene.user.id, 'client-2', 'catching up', head - 1, ['a']],
			['somebody else', 'client-3', 'live', head, ['a']]
		];
		await scene.sql`insert into log_servers (server, name, started_at, seen_at, tail, streams)
			values (gen_random_uuid(), 'host-7:4711', now(), now(), ${head}, ${scene.sql.json(streams)})`;
		const [told] = await scene.sql<{ all: string }[]>`
			select string_agg(why, ' ') as all from logline_explain(${head}, ${scene.user.id})`;
		expect(told!.all).toContain('Client "client-1" on host-7:4711');
		const found = await explorer().exploreEvent(viewer(), BigInt(head));
		expect(found!.gates.filter(({ gate }) => gate === 'stream')).toEqual([
			{ gate: 'stream', passes: true, why: 'An open stream of the user has got it.' },
			{ gate: 'stream', passes: false, why: 'An open stream of the user has not got as far yet.' }
		]);
		expect(JSON.stringify(found)).not.toMatch(/client-|host-7|4711/);
	});

	it('the SQL of a search finds the same events, for random filters', async () => {
		scene = await openGrantedScene();
		const random = new Random(SEED);
		for (const scope of SCOPES) if (random.chance(0.6)) await scene.grant(scope);
		await write(random, 120);
		await scene.grant('clubs/1');
		await write(random, 120);
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
			(await explored(filter)).map((id) => ids.indexOf(id) + 1);
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
		const checks = await scene.sql<{ name: string }[]>`
			select conname as name from pg_constraint where conrelid = 'events'::regclass and contype = 'c'`;
		for (const { name } of checks)
			await scene.sql`alter table events drop constraint ${scene.sql(name)}`;
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
	beforeAll(async () => shared.add((scene = await openGrantedScene())));
	afterAll(closeShared);

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

describe('a slow search', () => {
	beforeAll(async () => {
		shared.add((scene = await openGrantedScene()));
		await fillWithNumbers();
		await scene.insert('b', 'short');
	});
	afterAll(closeShared);

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
				where datname = current_database() and state = 'active' and query like '%jsonb_path_exists%' and pid <> pg_backend_pid()`;
			return row!.count >= 1;
		};
		await until(running, { what: 'a search runs' });
		const history = explorer().history(viewer(), 'b');
		const first = await Promise.race([history, ...searches]);
		expect(first).toMatchObject({ events: [{ topic: 'b' }] });
		for (const refused of await Promise.all(searches)) {
			expect(refused).toMatchObject({ code: 'search_too_slow', status: 422 });
		}
		expect(await explored({ topics: ['b'] })).toHaveLength(1);
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
});
