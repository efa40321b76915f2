import { readState } from '../support/app-server.ts';
import { afterEach, expect, test } from 'vitest';
import { sql as text } from 'drizzle-orm';
import { openScene, type Scene } from '../support/scene.ts';
import { until } from '../support/until.ts';

let scene: Scene;
afterEach(() => scene.close());

/** The numbers of docs/operations.md. The embedded server adds one connection, `logline present`. */
const LIMITS: Record<string, number> = {
	'logline app': 4,
	'logline history': 3,
	'logline explorer': 1,
	'logline app drizzle': 2,
	'logline writer': 1,
	'logline relay': 1,
	'logline tailer': 1,
	'logline listener': 1,
	'logline retention': 1,
	'logline app background': 1,
	'logline presence': 1,
	'logline signals': 1,
	'logline consumers': 1
};

test('a process with everything to do at once keeps to the connections that the manual names', async () => {
	scene = await openScene({ maxConnectionsPerUser: 100 });
	const { app } = scene.server;
	const viewer = { id: scene.user.id, name: scene.user.name };
	const consumed = new Promise((resolve) => {
		app.logline.consume('count', ['a'] as never[], () => resolve(null), {
			transaction: (work) => app.database.db.transaction(work)
		});
	});
	await scene.insert('a', ...Array.from({ length: 50 }, (_, i) => i));
	const many = <T>(work: (unused: unknown, n: number) => Promise<T>) =>
		Array.from({ length: 40 }, work);
	const herd = Array.from({ length: 60 }, (_, i) => scene.open(`topics=a&client=herd${i}`));
	await Promise.all([
		...many(() => readState(app, viewer, ['a', 'b'])),
		// A user has one search at a time.
		...many((_, n) => app.logline.explore({ id: `explorer-${n}` })),
		...many(() => app.database.pool.query('select 1', [])),
		...many(() => app.database.db.execute(text`select 1`)),
		...many(() => app.database.background.query('select 1', [])),
		...many(() => app.logline.append([{ topic: 'a', data: 0, userId: null }])),
		...many((_, n) => app.logline.signal({ event: 'pointers' as never, data: { of: n } as never })),
		scene.open('topics=a&client=present&presence=lobbies/1').arrived('presence')
	]);
	for (const client of herd) await client.caughtUp();
	await consumed;
	const count = async () => {
		const rows = await scene.sql<{ name: string; count: number }[]>`
			select application_name as name, count(*)::int from pg_stat_activity
			where datname = current_database() and application_name <> 'logline test sql' group by 1`;
		return Object.fromEntries(rows.map(({ name, count }) => [name, count]));
	};
	// It begins some seconds after the start.
	await until(async () => (await count())['logline retention'], { what: 'retention works' });
	expect(await count()).toEqual(LIMITS);
	expect(Object.values(LIMITS).reduce((a, b) => a + b)).toBe(19);
});
