/** Streams of wildcards while much happens below the scopes of their user. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type GrantedScene, openGrantedScene, story, tells } from '../support/granted-scene.ts';
import { until } from '../support/until.ts';

let scene: GrantedScene;
/** Reads at which `whenGrantsAreRead` acts. What it does there goes on when their stream has ended. */
const readings = new Set<Promise<unknown>>();

beforeEach(async () => {
	scene = await openGrantedScene();
});
afterEach(async () => {
	vi.restoreAllMocks();
	await Promise.allSettled(readings);
	readings.clear();
	await scene.close();
});

const LOG = (project: number | string) => `orgs/7/projects/${project}/log`;
const ALL_LOGS = 'topics=orgs/*/projects/*/log&topics=a';

/** Acts each time before and after a stream reads the grants of its user. */
function whenGrantsAreRead(before: () => unknown, after: () => unknown = () => {}): void {
	const { pool } = scene.server.app.logline.parts;
	const query = pool.query.bind(pool);
	async function read(...asked: Parameters<typeof query>) {
		await before();
		const rows = await query(...asked);
		await after();
		return rows;
	}
	vi.spyOn(pool, 'query').mockImplementation((...asked: Parameters<typeof query>) => {
		if (!asked[0].includes('FROM grant_history')) return query(...asked);
		const reading = read(...asked);
		readings.add(reading);
		return reading;
	});
}

test('events of other topics of the organisation cost a stream of its projects nothing, a new project is read once', async () => {
	await scene.insert(LOG(1), 'one');
	await scene.grant('orgs/7');
	const client = scene.open(ALL_LOGS);
	await client.caughtUp();
	let reads = 0;
	whenGrantsAreRead(() => reads++);
	await scene.insert('orgs/7/chat', 1, 2, 3);
	await scene.insert('a', 'x');
	await tells(client, `subscribed ${LOG(1)}`, `${LOG(1)} one`, 'a x');
	expect(reads).toBe(0);
	await scene.insert(LOG(2), 'new');
	await client.arrived(LOG(2));
	await scene.insert(LOG(2), 'again');
	await until(() => client.of(LOG(2)).length === 2, { what: 'the new project' });
	// The stream, and its read markers.
	expect(reads).toBeLessThanOrEqual(2);
});

test('events of topics for which a stream has no room cost it nothing', async () => {
	await scene.sql`insert into events (topic, data)
		select 'orgs/7/projects/' || n || '/log', '1' from generate_series(1001, 2100) n`;
	await scene.grant('orgs/7');
	const client = scene.open(`${ALL_LOGS}&client=me`);
	await client.caughtUp();
	expect(story(client)).toContain(`denied ${LOG(2001)} too_many`);
	let reads = 0;
	whenGrantsAreRead(() => reads++);
	await scene.insert(LOG(2001), 'told that there is no room');
	await scene.insert(LOG(2050), 'not read');
	await scene.insert('a', 'x');
	await client.arrived('a');
	expect(reads).toBe(0);
});

test('a stream goes on while there is a new project each time that it reads its grants', async () => {
	await scene.insert(LOG(1), 'one');
	await scene.grant('orgs/7');
	const client = scene.open(ALL_LOGS);
	await client.caughtUp();
	let project = 1;
	whenGrantsAreRead(() => project < 500 && scene.insert(LOG(++project), 'new'));
	await scene.insert(LOG('first'), 'new');
	await scene.insert('a', 'x');
	await client.arrived('a');
	expect(project).toBeLessThan(500);
	project = 500;
	await scene.insert(LOG(1), 'two');
	await until(() => client.data(LOG(1)).includes('two'), { what: 'it is live' });
	const brought = client.received.filter(({ data }) => data === 'new');
	const [row] = await scene.sql`select count(*)::int as count from events where data = '"new"'`;
	expect(brought).toHaveLength(row!.count as number);
	expect(new Set(brought.map(({ event }) => event)).size).toBe(brought.length);
});

test('a stream goes on while its user loses a room that it does not carry each time that it reads its grants', async () => {
	await scene.sql`insert into grants (scope, user_id)
		select 'rooms/' || n, ${scene.user.id} from generate_series(1, 500) n`;
	await scene.grant('orgs/7/projects/1');
	const client = scene.open(ALL_LOGS);
	await client.caughtUp();
	let room = 0;
	const take = async () => {
		if (room >= 500) return;
		await scene.sql`delete from grants where scope = ${`rooms/${++room}`}`;
		await scene.settled();
	};
	whenGrantsAreRead(() => {}, take);
	await take();
	await scene.insert('a', 'x');
	await client.arrived('a');
	expect(room).toBeLessThan(500);
	room = 500;
	await scene.insert(LOG(1), 'one');
	await client.arrived(LOG(1));
	await scene.revoke('orgs/7/projects/1');
	await scene.insert(LOG(1), 'two');
	await scene.insert('a', 'y');
	await until(() => client.of('a').length === 2, { what: 'the end' });
	expect(story(client).slice(-4)).toEqual([
		'a x',
		`${LOG(1)} one`,
		`denied ${LOG(1)} revoked`,
		'a y'
	]);
});

test('a stream goes on while its user is given a project each time that it reads its grants', async () => {
	await scene.grant('orgs/7/projects/1');
	const client = scene.open(ALL_LOGS);
	await client.caughtUp();
	let project = 1;
	const give = async () => {
		if (project >= 500) return;
		await scene.sql`insert into grants (scope, user_id) values (${`orgs/7/projects/${++project}`}, ${scene.user.id})`;
		await scene.settled();
	};
	whenGrantsAreRead(() => {}, give);
	await scene.sql`insert into grants (scope, user_id) values ('orgs/8', ${scene.user.id})`;
	await scene.insert('a', 'x');
	await client.arrived('a');
	expect(project).toBeLessThan(500);
	project = 500;
});
