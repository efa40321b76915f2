import { setTimeout as pause } from 'node:timers/promises';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { READ_BY_INDEX } from '../../src/lib/server/database/read-by-index.ts';
import { PageSize } from '../../src/lib/server/log/page-size.ts';
import { readHead, readPage, type TopicStart } from '../../src/lib/server/log/read.ts';
import { queryable } from '../../tests/support/queryable.ts';
import { startLoad } from '../load/load.ts';
import { now } from '../stage/clock.ts';
import { startLogline, subscribe } from '../stage/logline.ts';
import { interleave, type Figures, type Measure, type Stage } from '../stage/measure.ts';
import { requireIndexRanges } from '../stage/plan.ts';
import { cpuSeconds, createPeople } from '../stage/postgres.ts';
import { declareAndGrant, MESSAGE, WILDCARD } from '../stage/rooms.ts';
import { summarize } from '../stage/statistics.ts';

const TOPICS = 500;
/** The rooms of the user are among these. */
const ROOMS = 8192;
/** Events since the cursor: a few minutes of a busy log. */
const BEHIND = 20_000;
const BATCH = 100_000;
/** How often the first page is read in a round. */
const PAGES = 50;

/** What a stream with hundreds of topics costs when it begins, on a large log. */
export const manyTopics: Measure = {
	name: 'many-topics',
	run: (stage) =>
		stage.postgres.withDatabase(async (url) => {
			const events = stage.quick ? 200_000 : 10_000_000;
			const log = `on a log of ${events.toLocaleString('en-US')}`;
			stage.say(`${TOPICS} granted topics ${log}`);
			await createPeople(url, 2);
			await declareAndGrant(
				stage,
				url,
				(sql) => sql`
					INSERT INTO grants (scope, user_id)
					SELECT 'rooms/' || i, 'bench-0' FROM generate_series(0, ${TOPICS - 1}) AS i
					UNION ALL SELECT 'rooms/0', 'bench-1'`
			);
			const sql = openClient(url, { max: 1, name: 'bench topics', settings: READ_BY_INDEX });
			const from = now();
			await fill(sql, events - BEHIND);
			await sql`vacuum analyze events`;
			stage.say(`  the log was filled in ${Math.round((now() - from) / 1000)} s`);
			const cursor = await readHead(queryable(sql));
			const served = await startLogline(stage.program, url);
			try {
				// The users have been connected before: so their cursors are valid for their topics.
				for (const user of [0, 1]) await open(served.port, user, 1);
				await fill(sql, BEHIND);
				const head = await readHead(queryable(sql));
				const round = async (user: number, topics: number): Promise<Figures> => {
					const starts = Array.from({ length: topics }, (_, i) => ({
						topic: `rooms/${i}/messages`,
						after: cursor
					}));
					const figures = await firstPage(sql, `bench-${user}`, starts, head);
					const ms = await open(served.port, user, stage.quick ? 5 : 15, cursor);
					return { ...figures, 'caught up': ms };
				};
				const results = await interleave(stage, [
					{ name: 'Logline', role: 'ours', round: () => round(0, TOPICS) },
					{ name: 'a user with one', role: 'limit', round: () => round(1, 1) }
				]);
				const base = { measure: 'many-topics', unit: 'ms', better: 'lower' } as const;
				const what = `${TOPICS} granted topics, ${BEHIND.toLocaleString('en-US')} events behind, ${log}`;
				return [
					results.row(
						{
							...base,
							title: `${what}: first page`,
							note: 'Every plan was checked, generic and custom: it reads ranges of the replay index, and sorts no events.'
						},
						'first page',
						(_to, { median }) => ({ text: 'at most 20 ms', met: median <= 20 })
					),
					// It depends less on what else the machine does.
					results.row({ ...base, title: `${what}: first page, CPU of PostgreSQL` }, 'CPU ms'),
					results.row({ ...base, title: `${what}: from the request to caught-up` }, 'caught up')
				];
			} finally {
				await served.stop();
				await sql.end();
			}
		})
};

/** A quarter of the events is for everyone, the others are in any of the rooms. */
async function fill(sql: Sql, events: number): Promise<void> {
	for (let from = 0; from < events; from += BATCH) {
		await sql.unsafe(`
			INSERT INTO events (topic, data)
			SELECT CASE WHEN i % 4 = 0 THEN 'notifications'
				ELSE 'rooms/' || (hashint8(i) & 2147483647) % ${ROOMS} || '/messages' END, ${MESSAGE}
			FROM generate_series(${from}::bigint, ${Math.min(events, from + BATCH) - 1}::bigint) AS i`);
	}
}

/** Reads the first page as a stream does, again and again. */
async function firstPage(
	sql: Sql,
	userId: string,
	starts: readonly TopicStart[],
	to: bigint
): Promise<Figures> {
	const read = (on = queryable(sql)) =>
		// The first page of a stream: see delivery/subscriber.ts.
		readPage(on, {
			userId,
			starts,
			to,
			size: new PageSize({ first: 256, least: 16, most: 2048, bytes: 131_072 })
		});
	await requireIndexRanges(sql, read);
	const [backend] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
	for (let i = 0; i < 5; i++) await read();
	const times: number[] = [];
	let rows = 0;
	const cpu = await cpuSeconds(backend!.pid);
	for (let i = 0; i < PAGES; i++) {
		const from = now();
		rows = (await read()).rows.length;
		times.push(now() - from);
	}
	const cpuMs = ((await cpuSeconds(backend!.pid)) - cpu) * 1000;
	return { 'first page': summarize(times).median, 'CPU ms': cpuMs / PAGES, rows };
}

/**
 * Opens a stream with the wildcard, several times.
 *
 * @returns the median time until it has caught up, in milliseconds
 */
async function open(port: number, user: number, times: number, cursor?: bigint): Promise<number> {
	const load = startLoad();
	const handshake = subscribe({
		topics: [WILDCARD],
		...(cursor === undefined ? {} : { lastEventID: cursor.toString() })
	});
	try {
		const took: number[] = [];
		for (let i = 0; i < times; i++) {
			const { lastMs } = await load.open({ port, handshake, count: 1, first: user, atOnce: 1 });
			if (i > 0 || times === 1) took.push(lastMs);
			await load.close();
			await pause(100);
		}
		return summarize(took).median;
	} finally {
		await load.stop();
	}
}
