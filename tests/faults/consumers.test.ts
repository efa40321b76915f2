/**
 * A consumer that keeps a sum in a table of its own, in processes that are killed with -9 again and again. In the end its sum is
 * the sum of the log. LOGLINE_CONSUMER_KILLS=1000 kills more often.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { build } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

const KILLS = Number(process.env.LOGLINE_CONSUMER_KILLS ?? 15);

/** Processes that run at the same time. */
const PROCESSES = 2;

let folder: string;
let database: TestDatabase;
let sql: Sql;
const children = new Set<ChildProcess>();

beforeAll(async () => {
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 2, name: 'test sql' });
	await sql`create table totals (sum bigint, events bigint)`;
	await sql`insert into totals values (0, 0)`;
	// Bundled, a process is there in a fraction of the time.
	folder = await mkdtemp(join(tmpdir(), 'logline-consumer-'));
	await symlink(resolve('node_modules'), join(folder, 'node_modules'));
	await build({
		configFile: false,
		logLevel: 'error',
		build: {
			ssr: resolve('tests/faults/sum-process.ts'),
			outDir: folder,
			emptyOutDir: false,
			rolldownOptions: { output: { entryFileNames: 'sum.mjs' } }
		}
	});
});

afterAll(async () => {
	for (const child of children) child.kill('SIGKILL');
	await sql.end();
	await database.drop();
	await rm(folder, { recursive: true, force: true });
});

async function start(): Promise<ChildProcess> {
	const child = fork(join(folder, 'sum.mjs'), [database.url], {
		stdio: ['ignore', 'ignore', 'inherit', 'ipc']
	});
	children.add(child);
	child.once('exit', () => children.delete(child));
	await once(child, 'message');
	return child;
}

test(
	`the sum that a consumer keeps is the sum of the log, after ${KILLS} kills`,
	async () => {
		let writing = true;
		// Not faster than what is killed all the time can handle: at the end, a long backlog would say nothing.
		const write = async () => {
			while (writing) {
				await sql`
					insert into events (topic, data)
					select 'numbers', to_jsonb((random() * 1000)::int) from generate_series(1, 5)
					where (select count(*) from events) < (select events from totals) + 300`;
				await pause(10);
			}
		};
		const writer = write();
		const state = async () => {
			const [row] = await sql<
				{ sum: string; events: string; all: string; count: string; waiting: number }[]
			>`
				select sum::text, events::text, (select coalesce(sum(data::int), 0) from events)::text as all,
					(select count(*) from events)::text as count, (select count(*)::int from consumer_failures) as waiting from totals`;
			return row!;
		};
		let kills = 0;
		let inside = 0;
		const killer = async () => {
			while (kills < KILLS) {
				kills++;
				const child = await start();
				let handles = false;
				child.once('message', () => (handles = true));
				// From the first moments of a process to the middle of its work.
				const atWork = kills % 2 === 0;
				const latest = performance.now() + (atWork ? 1500 : 50 * Math.random());
				while (performance.now() < latest && !(atWork && handles)) await pause(2);
				if (atWork) await pause(Math.random() * 100);
				const gone = once(child, 'exit');
				child.kill('SIGKILL');
				await gone;
				if (handles) inside++;
			}
		};
		try {
			await Promise.all(Array.from({ length: PROCESSES }, killer));
		} finally {
			writing = false;
			await writer;
		}
		await start();
		const end = await until(
			async () => {
				const now = await state();
				if (now.count === now.events && now.waiting === 0) return now;
				throw new Error(JSON.stringify(now));
			},
			{ timeoutMs: 120_000, everyMs: 200, what: 'everything is handled' }
		);
		expect(end.sum).toBe(end.all);
		expect(inside, 'otherwise nobody was killed at work').toBeGreaterThan(0);
		expect(await sql`select from dead_letters`).toHaveLength(0);
		console.log(
			`${kills} kills, ${inside} at work, ${end.events} events, sum ${end.sum} = ${end.all}`
		);
	},
	180_000 + KILLS * 3000
);
