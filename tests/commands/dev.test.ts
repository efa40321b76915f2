/** `npm run dev`: how an edit of server code affects open streams. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { startBuiltApp, type BuiltApp } from '../support/built-app.ts';
import { createUser } from '../support/app-server.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { copyProject, type ProjectCopy } from '../support/project-copy.ts';
import { StreamClient } from '../support/stream-client.ts';
import { until } from '../support/until.ts';

const TIMEOUT_MS = 120_000;
const FEATURE = 'src/features/pulse';

const TOPICS = `
	import * as v from 'valibot';
	import { defineTopics } from 'logline';
	export const topics = defineTopics({ pulse: { schema: v.object({ beat: v.string() }) } });
`;

const start = (beat: string) => `
	export const start = (app) => {
		const timer = setInterval(() => app.logline.append([{ topic: 'pulse', data: { beat: '${beat}' } }]), 100);
		return () => clearInterval(timer);
	};
`;

let project: ProjectCopy;
let database: TestDatabase;
let sql: Sql;
let app: BuiltApp;
let cookie: string;

beforeAll(async () => {
	[project, database] = await Promise.all([copyProject('dev'), createTestDatabase()]);
	sql = openClient(database.url, { max: 1, name: 'dev test' });
	await mkdir(project.path(FEATURE));
	await writeFile(project.path(FEATURE, 'topics.ts'), TOPICS);
	await edit(start('first'));
	({ cookie } = await createUser(database.url));
	app = await startBuiltApp({
		databaseUrl: database.url,
		cwd: project.folder,
		env: { NODE_ENV: 'development', FORCE_COLOR: '0' },
		command: (port) => [
			'node_modules/vite/bin/vite.js',
			'dev',
			'--host=127.0.0.1',
			`--port=${port}`,
			'--strictPort'
		]
	});
}, TIMEOUT_MS);

afterAll(async () => {
	await app?.terminate();
	await sql?.end();
	await database?.drop();
	await project?.remove();
});

const edit = (code: string) => writeFile(project.path(FEATURE, 'start.server.ts'), code);

const tells = (text: string, after: number) =>
	until(() => app.output().includes(text, after), { what: `"${text}" is told`, timeoutMs: 30_000 });

const open = () => new StreamClient(`${app.url}/api/events?topics=pulse`, { cookie });

/** Returns the different beats of the topic's events after an event. */
async function beatsAfter(id: string): Promise<string[]> {
	const rows = await sql<{ beat: string }[]>`
		select distinct data->>'beat' as beat from events where topic = 'pulse' and id > ${id} order by 1`;
	return rows.map(({ beat }) => beat);
}

/** Returns the first event with that beat in the log. No request has caused it. */
const first = (beat: string) =>
	until(
		async () => {
			const [row] = await sql<{ id: string }[]>`
				select id from events where topic = 'pulse' and data->>'beat' = ${beat} order by id limit 1`;
			return row?.id;
		},
		{ what: `"${beat}" is emitted`, timeoutMs: 30_000 }
	);

async function more(id: string, count = 5): Promise<void> {
	await until(
		async () => {
			const [row] = await sql<{ n: number }[]>`
				select count(*)::int as n from events where topic = 'pulse' and id > ${id}`;
			return row!.n >= count;
		},
		{ what: `${count} more events`, timeoutMs: 30_000 }
	);
}

test(
	'an edit of a feature is in force at once: the open stream ends, and the old code emits nothing more',
	async () => {
		const stream = open();
		await stream.arrived('pulse');
		await edit(start('second'));
		const id = await first('second');
		await until(() => stream.ended, { what: 'the stream ends, so that the page reconnects' });
		const next = open();
		await next.arrived('pulse');
		await more(id);
		expect(await beatsAfter(id)).toEqual(['second']);
		next.close();
	},
	TIMEOUT_MS
);

test(
	'edits that follow each other quickly leave one application, of the last one',
	async () => {
		for (let n = 1; n <= 5; n++) {
			await edit(start(`quick ${n}`));
			// Growing pauses: at some interval, the next edit comes while the application of the last one is starting.
			await pause(60 * n);
		}
		await edit(start('last'));
		const id = await first('last');
		await more(id, 10);
		expect(await beatsAfter(id)).toEqual(['last']);
	},
	TIMEOUT_MS
);

test(
	'an edit with an error is told, leaves the application as it was, and the next good one is in force',
	async () => {
		const stream = open();
		await stream.arrived('pulse');
		for (const [mistake, told] of [
			['export const start = (app) => {', 'Expected `}`'],
			['', 'src/features/pulse/start.server.ts must export a function named `start`']
		] as const) {
			const before = app.output().length;
			await edit(mistake);
			await tells(told, before);
			await tells('The application goes on as it was before the edit', before);
			expect(stream.ended).toBe(false);
			await more(stream.of('pulse').at(-1)!.id);
		}
		await edit(start('mended'));
		const id = await first('mended');
		await more(id);
		expect(await beatsAfter(id)).toEqual(['mended']);
	},
	TIMEOUT_MS
);

test(
	'a feature that fails to start is told, and the next good edit starts the application again',
	async () => {
		const before = app.output().length;
		await edit(`export const start = () => { throw new Error('not today'); };`);
		await tells('not today', before);
		await tells('The application does not run', before);
		await edit(start('again'));
		await first('again');
		await rm(project.path(FEATURE), { recursive: true });
		await until(async () => (await subscribe()) === 400, {
			what: 'a feature that was deleted is gone',
			timeoutMs: 30_000
		});
	},
	TIMEOUT_MS
);

async function subscribe(): Promise<number> {
	const response = await fetch(`${app.url}/api/events?topics=pulse`, { headers: { cookie } });
	await response.body?.cancel();
	return response.status;
}
