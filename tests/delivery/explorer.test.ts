/** The explorer looks through the whole log. It must not show what a stream would not give. */
import { afterEach, expect, it } from 'vitest';
import { Random } from '../faults/random.ts';
import { openGrantedScene, type GrantedScene } from '../support/granted-scene.ts';
import { exploredIn, SCOPES, SEED, TOPICS, viewerOf, writeIn } from './exploring.ts';

let scene: GrantedScene;
afterEach(() => scene.close());

const explorer = () => scene.server.app.logline;
const viewer = () => viewerOf(scene);

/** A new client gets of these the newest three events, of now or of its grant, and what came since. History gives the others. */
const WINDOWED = ['recent', 'desks/1/lines'];
/** What a stream asks for to get everything. */
const NAMES = [
	...['a', 'b', 'recent', 'staff', 'lobbies/1/notices', 'lobbies/2/notices'],
	...['rooms/*/messages', 'clubs/*/news', 'desks/*/lines', 'orgs/*/projects/*/log']
];

const byId = (a: string, b: string) => Number(a) - Number(b);

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
		expect(await exploredIn(scene, { topics: [topic] }), topic).toEqual(ids);
		all.push(...ids);
	}
	all.sort(byId);
	expect(await exploredIn(scene)).toEqual(all);
	expect(await explorer().exploreCounts(viewer())).toMatchObject({ counted: all.length });
	const rows = await scene.sql<{ id: string }[]>`select id from events order by id`;
	const alone: string[] = [];
	for (const { id } of rows) {
		if (await explorer().exploreEvent(viewer(), BigInt(id))) alone.push(id);
	}
	expect(alone).toEqual(all);
	return all.length;
}

it('never shows what a stream would not give, and shows all that it gives, whatever is granted and revoked', async () => {
	scene = await openGrantedScene();
	const random = new Random(SEED);
	const granted = new Set<string>();
	const seen: number[] = [];
	for (let round = 0; round < 8; round++) {
		await writeIn(scene, random, 15);
		for (const scope of SCOPES.filter(() => random.chance(0.4))) {
			if (granted.delete(scope)) await scene.revoke(scope);
			else {
				granted.add(scope);
				await scene.grant(scope);
			}
		}
		await writeIn(scene, random, 5);
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
