import { describe, expect, test } from 'vitest';
import { addUser } from '../../../tests/support/feature-app.ts';
import { startProxy } from '../../../tests/support/proxy.ts';
import { until } from '../../../tests/support/until.ts';
import { initialChat, reduceChat } from './reducer.ts';
import { STORY, type Script } from './script.ts';
import { said, Stage, wholeStory } from './stage.ts';

const stage = Stage.forEachTest();

describe('a story', () => {
	test('is told to its end, every line once and in order', async () => {
		const { app, story } = stage.startServer();
		const ada = await addUser(app.database, 'ada');
		app.subscribe(ada, ['message', 'prompt', 'end', 'reset']);
		await stage.playToEnd(ada, () => story);
		const events = await stage.eventsOf(ada);
		expect(said(events)).toEqual(wholeStory('ada'));
		const ids = events.map((event) => event.data.id);
		expect(new Set(ids).size).toBe(ids.length);
		expect(events.filter((event) => 'isMe' in event.data)).toHaveLength(
			STORY.filter((node) => node.type === 'prompt').length
		);
	});

	test('begins when its user first subscribes to the chat, and once', async () => {
		const { app } = stage.startServer();
		const ada = await addUser(app.database, 'ada');
		const bo = await addUser(app.database, 'bo');
		app.subscribe(ada, ['notifications', 'logs']);
		app.subscribe(bo, ['message']);
		app.subscribe(bo, ['message']);
		await until(async () => (await stage.chatOf(bo)).expectedPrompt !== null);
		app.subscribe(bo, ['message']);
		await until(async () => (await stage.progressOf(bo))?.due_at === null);
		expect(await stage.progressOf(ada)).toBeUndefined();
		expect(said(await stage.eventsOf(bo))).toEqual(wholeStory('bo').slice(0, 4));
	});

	test('with two servers, and the player in both, is told once', async () => {
		const one = stage.startServer();
		const two = stage.startServer();
		const ada = await addUser(one.app.database, 'ada');
		one.app.subscribe(ada, ['message']);
		two.app.subscribe(ada, ['message']);
		let turn = 0;
		await stage.playToEnd(ada, () => (turn++ % 2 ? one.story : two.story));
		expect(said(await stage.eventsOf(ada))).toEqual(wholeStory('ada'));
	});

	test('of each of 500 players is told by two servers, each line once', async () => {
		const script: Script = [
			{ type: 'npc', name: 'A', text: 'one', delay: 0 },
			{ type: 'npc', name: 'A', text: 'two', delay: 0 },
			{ type: 'npc', name: 'A', text: 'three', delay: 0 },
			{ type: 'end', name: 'A', text: 'four' }
		];
		await stage.sql`insert into users (id, username, password_hash) select 'user' || n, 'user' || n, '' from generate_series(1, 500) n`;
		await stage.sql`insert into story_progress (user_id, due_at) select id, now() from users`;
		stage.startServer({ script });
		stage.startServer({ script });
		const [row] = await until(async () => {
			const rows = await stage.sql`
				select count(*)::int as n, count(distinct (user_id, data->>'text'))::int as lines from events`;
			return rows[0]?.n >= 2000 && rows;
		});
		expect(row).toEqual({ n: 2000, lines: 2000 });
		const [disordered] = await stage.sql`
			select count(*)::int as n from (
				select array_agg(data->>'text' order by id) as texts from events group by user_id
			) as told where texts <> array['one', 'two', 'three', 'four']`;
		expect(disordered).toEqual({ n: 0 });
	});

	test('goes on in another server when its own has ended', async () => {
		const first = stage.startServer();
		const ada = await addUser(first.app.database, 'ada');
		first.app.subscribe(ada, ['message']);
		await until(async () => (await stage.eventsOf(ada)).length >= 2);
		await stage.stopServers();
		const second = stage.startServer();
		await stage.playToEnd(ada, () => second.story);
		expect(said(await stage.eventsOf(ada))).toEqual(wholeStory('ada'));
	});

	test('loses and doubles nothing when its connections are killed all the time', async () => {
		const { app, story } = stage.startServer();
		const ada = await addUser(app.database, 'ada');
		app.subscribe(ada, ['message']);
		let killed = 0;
		await stage.playToEnd(ada, () => story, {
			everyMs: 100,
			meanwhile: async () => {
				const [row] = await stage.sql`
					select count(pg_terminate_backend(pid))::int as n from pg_stat_activity
					where datname = current_database() and application_name ~ '(background|relay)$'`;
				killed += row!.n;
			}
		});
		expect(killed).toBeGreaterThan(8);
		expect(said(await stage.eventsOf(ada))).toEqual(wholeStory('ada'));
	});

	test('loses and doubles nothing when a statement dies before its commit', async () => {
		const { app, story } = stage.startServer();
		const ada = await addUser(app.database, 'ada');
		await stage.sql.begin(async (tx) => {
			await tx`lock table outbox in share mode`;
			app.subscribe(ada, ['message']);
			// The row of story_progress has been updated, and the insert waits for the lock: kill the connection exactly
			// here.
			const [row] = await until(async () => {
				const rows = await stage.sql`
					select pid from pg_stat_activity where datname = current_database()
					and application_name like '%background' and wait_event_type = 'Lock'`;
				return rows.length > 0 && rows;
			});
			await stage.sql`select pg_terminate_backend(${row!.pid})`;
		});
		await stage.playToEnd(ada, () => story);
		expect(said(await stage.eventsOf(ada))).toEqual(wholeStory('ada'));
	});

	test('loses and doubles nothing when the answer to a committed step is lost, at any byte', async () => {
		const target = new URL(stage.url);
		const proxy = await startProxy(Number(target.port || 5432));
		target.hostname = '127.0.0.1';
		target.port = String(proxy.port);
		try {
			const { app, story } = stage.startServer({ url: target.href });
			const ada = await addUser(app.database, 'ada');
			app.subscribe(ada, ['message']);
			let bytes = 0;
			let length = 0;
			await until(
				async () => {
					const events = await stage.eventsOf(ada);
					// Set the next cut only after the story has moved; otherwise no connection would get through its
					// handshake.
					if (events.length > length) proxy.cutAfter((bytes = (bytes + 29) % 300));
					length = events.length;
					const { expectedPrompt, ended } = events.reduce(reduceChat, initialChat);
					// The answer may be lost here too. The log then decides whether to press again.
					if (expectedPrompt !== null) await story.sendPrompt(ada).catch(() => undefined);
					return ended;
				},
				{ what: 'the story has ended', timeoutMs: 50_000, everyMs: 20 }
			);
			expect(proxy.accepted).toBeGreaterThan(20);
			expect(said(await stage.eventsOf(ada))).toEqual(wholeStory('ada'));
		} finally {
			await stage.stopServers();
			await proxy.close();
		}
	});

	test('keeps its pace: a node is due from when its predecessor was, or from now after an outage', async () => {
		const script: Script = [
			{ type: 'npc', name: 'A', text: 'one', delay: 60_000 },
			{ type: 'end', name: 'A', text: 'two' }
		];
		const { app } = stage.startServer({ script, speed: 1 });
		const dueAfter = async (name: string, lateness: string) => {
			const user = await addUser(app.database, name);
			const [row] = await stage.sql`
				insert into story_progress (user_id, due_at) values (${user.id}, now() - ${lateness}::interval)
				returning due_at`;
			await until(async () => (await stage.progressOf(user))?.step === 1);
			return (await stage.progressOf(user))!.due_at!.getTime() - row!.due_at.getTime();
		};
		// The story looks once a second, so a node is usually about a quarter of a second late. This must not shift the next
		// due time.
		expect(await dueAfter('ada', '-0.25 s')).toBe(60_000);
		expect(await dueAfter('bo', '1 hour')).toBeGreaterThanOrEqual(3_600_000 + 60_000);
	});

	test('survives a script that has become shorter than it had come', async () => {
		const { app } = stage.startServer({ script: STORY.slice(0, 4) });
		const ada = await addUser(app.database, 'ada');
		const bo = await addUser(app.database, 'bo');
		await stage.sql`insert into story_progress (user_id, step, due_at) values (${ada.id}, 99, now())`;
		app.subscribe(bo, ['message']);
		await until(async () => (await stage.chatOf(bo)).expectedPrompt !== null);
		expect(app.lines).toEqual([]);
	});
});
