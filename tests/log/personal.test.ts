/** What a user may ask for: a copy of the own events, and their deletion. */
import { afterEach, describe, expect, test } from 'vitest';
import { createUser, type TestUser } from '../support/app-server.ts';
import { numbers } from '../support/numbers.ts';
import { openScene, type Scene } from '../support/scene.ts';
import { lockWaits } from '../support/lock-waits.ts';
import { until } from '../support/until.ts';

let scene: Scene;
afterEach(() => scene.close());

/** Inserts private events in one statement. */
const give = (user: Pick<TestUser, 'id'>, topic: string, count: number) => scene.sql`
	insert into events (topic, user_id, data)
	select ${topic}, ${user.id}, to_jsonb(n) from generate_series(1, ${count}) as n`;

async function exported(user: Pick<TestUser, 'id'>): Promise<{ pages: number; lines: Line[] }> {
	const lines: Line[] = [];
	let pages = 0;
	for await (const page of scene.server.app.logline.exportUser(user.id)) {
		pages++;
		expect(page.endsWith('\n')).toBe(true);
		for (const line of page.trimEnd().split('\n')) lines.push(JSON.parse(line) as Line);
	}
	return { pages, lines };
}

interface Line {
	id: string;
	topic: string;
	data: unknown;
	createdAt: string;
}

const head = async () => {
	const [row] = await scene.sql<{ head: string }[]>`select max(id)::text as head from events`;
	return row!.head;
};

describe('the export of a user', () => {
	test('has every private event of 20,000 in several topics once, and nothing of anybody else', async () => {
		scene = await openScene();
		const other = await createUser(scene.database.url);
		await scene.insert('a', 'for everyone');
		await give(scene.user, 'b', 10_000);
		await give(other, 'b', 1000);
		await give(scene.user, 'a', 7000);
		await give(scene.user, '$subscribed', 3000);
		const { pages, lines } = await exported(scene.user);
		expect(pages).toBe(40);
		expect(lines.map(({ topic, data }) => [topic, data])).toEqual([
			...numbers(3000).map((n) => ['$subscribed', n]),
			...numbers(7000).map((n) => ['a', n]),
			...numbers(10_000).map((n) => ['b', n])
		]);
		const ids = await scene.sql<{ id: string }[]>`
			select id::text from events where user_id = ${scene.user.id} order by topic, events.id`;
		expect(lines.map(({ id }) => id)).toEqual(ids.map(({ id }) => id));
		expect(Date.parse(lines[0]!.createdAt)).toBeGreaterThan(Date.now() - 600_000);
	});

	test('comes in pages of about a megabyte, each read when it is asked for', async () => {
		scene = await openScene();
		await scene.sql`insert into events (topic, user_id, data)
			select 'a', ${scene.user.id}, to_jsonb(repeat(md5(n::text), 6000)) from generate_series(1, 20) as n`;
		const pages = scene.server.app.logline.exportUser(scene.user.id);
		const first = await pages.next();
		// 192 kB each.
		expect(String(first.value).trimEnd().split('\n')).toHaveLength(5);
		await scene.sql`delete from events`;
		expect((await pages.next()).done).toBe(true);
	});

	test('ends, although new events come while it is read', async () => {
		scene = await openScene();
		await give(scene.user, 'a', 1500);
		const lines: string[] = [];
		for await (const page of scene.server.app.logline.exportUser(scene.user.id)) {
			lines.push(...page.trimEnd().split('\n'));
			await give(scene.user, 'a', 1000);
		}
		expect(lines).toHaveLength(1500);
	});
});

describe('forgetting a user', () => {
	test('deletes every private event and what the log knows of the user, and nothing else', async () => {
		scene = await openScene();
		const { app } = scene.server;
		const other = await createUser(scene.database.url);
		await give(scene.user, 'a', 2500);
		await give(scene.user, 'b', 10);
		await give(other, 'a', 3);
		await scene.insert('a', 'for everyone');
		await app.logline.grant('rooms/1', scene.user.id);
		await app.logline.grant('rooms/1', other.id);
		await app.logline.markRead({ id: scene.user.id, name: 'x' }, 'a', await head());
		expect(await app.logline.forgetUser(scene.user.id)).toBeGreaterThanOrEqual(2511);
		// The end of the grant is an event, too: it comes after the first call.
		await until(
			async () => {
				await app.logline.forgetUser(scene.user.id);
				const [row] = await scene.sql<{ left: number }[]>`
					select ((select count(*) from grant_history where user_id = ${scene.user.id})
						+ (select count(*) from events where user_id = ${scene.user.id})
						+ (select count(*) from grants where user_id = ${scene.user.id})
						+ (select count(*) from read_markers where user_id = ${scene.user.id}))::int as left`;
				return row!.left === 0;
			},
			{ what: 'nothing is left' }
		);
		expect(
			await scene.sql`select topic, user_id = ${other.id} as theirs, count(*)::int from events group by 1, 2 order by 1, 2`
		).toEqual([
			{ topic: '$granted', theirs: true, count: 1 },
			{ topic: 'a', theirs: true, count: 3 },
			{ topic: 'a', theirs: null, count: 1 }
		]);
		expect(await scene.sql`select user_id from grants`).toEqual([{ user_id: other.id }]);
	});

	test('disturbs nobody else: the streams of others go on without a gap, though the newest events are gone and servers connect anew', async () => {
		scene = await openScene();
		const other = await createUser(scene.database.url);
		const second = await scene.addServer();
		await scene.insert('a', 1);
		const streams = [
			scene.open('topics=a&client=1'),
			scene.open('topics=a&client=2', { server: second })
		];
		for (const stream of streams) await stream.caughtUp();
		await give(other, 'a', 5);
		const newest = BigInt(await head());
		const servers = [scene.server, second];
		await until(() => servers.every(({ app }) => BigInt(app.health().head) >= newest));
		expect(await scene.server.app.logline.forgetUser(other.id)).toBeGreaterThanOrEqual(5);
		// On a new connection, each server checks that the last event it has read was not lost.
		await scene.sql`select pg_terminate_backend(pid) from pg_stat_activity
			where application_name like '%tailer%' and datname = current_database()`;
		await scene.insert('a', 2);
		await until(() => streams.every((stream) => stream.data('a').includes(2)));
		for (const stream of streams) {
			expect(stream.ended).toBe(false);
			expect(stream.of('gap')).toEqual([]);
			expect(stream.data('a')).toEqual([1, 2]);
		}
	});

	test('deletes however much there is in statements that are short, whatever they delete', async () => {
		scene = await openScene();
		const { id } = scene.user;
		await give(scene.user, 'a', 2500);
		await scene.sql`insert into events (topic, user_id, data)
			select 'b', ${id}, to_jsonb(repeat('x', 1048000)) from generate_series(1, 40)`;
		await scene.sql`insert into read_markers (user_id, topic, event_id)
			select ${id}, 'rooms/' || n, 1 from generate_series(1, 2500) as n`;
		await scene.sql`insert into dead_letters (topic, user_id, data, created_at, error)
			select 'a', ${id}, '1', now(), 'x' from generate_series(1, 2500)`;
		await scene.sql`insert into grants (scope, user_id, source)
			select 'rooms/' || n, ${id}, '' from generate_series(1, 2500) as n`;
		await until(
			async () => (await scene.sql`select from grant_history where user_id = ${id}`).length >= 2500,
			{ what: 'the grants are in the log' }
		);
		// Notes what each statement deletes.
		await scene.sql`create table deletions (name text, count int, octets bigint)`;
		await scene.sql.unsafe(`
			create function note_deletion() returns trigger language plpgsql as $$
			begin
				insert into deletions select tg_table_name, count(*), coalesce(sum(octet_length(to_jsonb(gone)::text)), 0) from gone;
				return null;
			end $$`);
		for (const table of ['events', 'read_markers', 'dead_letters', 'grants', 'grant_history']) {
			await scene.sql.unsafe(`create trigger note after delete on ${table}
				referencing old table as gone for each statement execute function note_deletion()`);
		}
		const { logline } = scene.server.app;
		const left = async () => {
			const [row] = await scene.sql<{ left: number }[]>`
				select ((select count(*) from grant_history where user_id = ${id})
					+ (select count(*) from events where user_id = ${id})
					+ (select count(*) from dead_letters where user_id = ${id})
					+ (select count(*) from read_markers where user_id = ${id}))::int as left`;
			return row!.left;
		};
		await until(
			async () => {
				await logline.forgetUser(id);
				return (await left()) === 0;
			},
			{ what: 'nothing is left', timeoutMs: 30_000 }
		);
		const noted = await scene.sql<{ name: string; all: number; most: number; octets: number }[]>`
			select name, sum(count)::int as all, max(count) as most, max(octets)::int as octets from deletions group by 1`;
		for (const { name, all, most, octets } of noted) {
			expect(all, name).toBeGreaterThanOrEqual(2500);
			// An ended grant is deleted once the log has closed it: few of them may be closed at a time.
			expect(most, name).toBeLessThanOrEqual(1000);
			expect(octets, name).toBeLessThan(18 * 1_048_576);
		}
		expect(noted).toHaveLength(5);
	});

	test('can be stopped between two statements, and called again', async () => {
		scene = await openScene();
		const { logline } = scene.server.app;
		await give(scene.user, 'a', 3000);
		await logline.grant('rooms/1', scene.user.id);
		const stop = AbortSignal.abort();
		expect(await logline.forgetUser(scene.user.id, { signal: stop })).toBe(0);
		expect(await scene.sql`select from grants`).toHaveLength(1);
		// The end of the grant may be in the log by then.
		expect(await logline.forgetUser(scene.user.id)).toBeGreaterThanOrEqual(3001);
		expect(await scene.sql`select from grants`).toHaveLength(0);
	});

	test('ends when the Logline is stopped, although the application keeps the connection, and says that it is not done', async () => {
		scene = await openScene();
		const { logline } = scene.server.app;
		await give(scene.user, 'a', 3000);
		const { jobs } = logline.parts;
		const held = await scene.sql.reserve();
		let forgetting: Promise<unknown>;
		let stopped: Promise<void>;
		try {
			await held`begin`;
			await held`select from events where user_id = ${scene.user.id} order by id limit 1 for update`;
			forgetting = logline.forgetUser(scene.user.id).catch((error: unknown) => error);
			await until(() => lockWaits(held), { what: 'a statement deletes', timeoutMs: 4000 });
			stopped = logline.stop();
			await until(() => jobs.stopping.aborted);
		} finally {
			await held`rollback`;
			held.release();
		}
		expect(await forgetting).toMatchObject({ code: 'draining', status: 503 });
		await stopped;
		expect(await scene.sql`select from events where user_id = ${scene.user.id}`).toHaveLength(2000);
	});

	test('needs a user: the empty id would be everyone', async () => {
		scene = await openScene();
		await scene.insert('a', 1);
		const { logline } = scene.server.app;
		await expect(logline.forgetUser('')).rejects.toMatchObject({ code: 'invalid_user' });
		await expect(logline.exportUser('').next()).rejects.toMatchObject({ code: 'invalid_user' });
		expect(await scene.sql`select from events`).toHaveLength(1);
	});
});

/** Postgres would get U+FFFD in its place, and find the user who has this id. */
const HALF = '\ud800';

test('a user id that Postgres would read as that of another user is refused, whatever is asked with it', async () => {
	scene = await openScene();
	const other = { id: '\ufffd' };
	await give(other, 'a', 3);
	const { logline } = scene.server.app;
	const viewer = {
		id: HALF,
		name: 'x',
		session: scene.user.sessionID,
		expires: new Date(Date.now() + 60_000)
	};
	const asked: Record<string, () => Promise<unknown>> = {
		forgetUser: () => logline.forgetUser(HALF),
		exportUser: () => logline.exportUser(HALF).next(),
		grant: () => logline.grant('rooms/1', HALF),
		revoke: () => logline.revoke('rooms/1', HALF),
		settle: () => logline.settle(HALF),
		emit: () => logline.append([{ topic: 'a', data: 1, userId: HALF }]),
		read: () => logline.read(viewer, ['a'] as never[]),
		history: () => logline.history(viewer, 'a'),
		markRead: () => logline.markRead(viewer, 'a', '1'),
		unread: () => logline.unread(viewer, ['a']),
		explore: () => logline.explore(viewer),
		exploreCounts: () => logline.exploreCounts(viewer),
		exploreTopics: () => logline.exploreTopics(viewer),
		watch: () => logline.watch(['a'] as never[], { viewer }).next(),
		stream: () =>
			logline.open(
				{
					searchParams: new URLSearchParams('topics=a&client=x'),
					headers: new Headers(),
					session: viewer.session
				},
				() => viewer
			)
	};
	for (const [what, ask] of Object.entries(asked)) {
		const refused = await ask().catch((error: unknown) => error);
		expect(refused, what).toMatchObject({ code: 'invalid_user', status: 400 });
	}
	expect(await logline.exploreEvent({ ...viewer, id: 'x' }, BigInt(await head()))).toBeNull();
	const look = logline.exploreEvent(viewer, BigInt(await head()));
	await expect(look).rejects.toMatchObject({ code: 'invalid_user' });
	const session = { ...viewer, id: 'x', session: HALF };
	await expect(logline.watch(['a'] as never[], { viewer: session }).next()).rejects.toMatchObject({
		code: 'invalid_session'
	});
	expect(await scene.sql`select from events where user_id = ${other.id}`).toHaveLength(3);
});
