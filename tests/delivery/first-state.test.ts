import { readState } from '../support/app-server.ts';
import { afterEach, expect, test } from 'vitest';
import { openScene, type Scene } from '../support/scene.ts';
import { until } from '../support/until.ts';

let scene: Scene;
afterEach(() => scene.close());

test('a page that is loaded right after an insert by another program shows it', async () => {
	scene = await openScene();
	const { app } = scene.server;
	for (let n = 1; n <= 20; n++) {
		await scene.sql`insert into events (topic, data) values ('a', ${n})`;
		const { events, cursor } = await readState(app, scene.user, ['a']);
		expect(events.at(-1)).toMatchObject({ id: cursor, data: n });
	}
});

test('a page with a very long history shows the beginning of it, and its stream brings the rest once', async () => {
	scene = await openScene();
	const count = 2000;
	await scene.sql`
		insert into events (topic, data)
		select case when i % 2 = 0 then 'a' else 'b' end, jsonb_build_object('n', i, 'text', repeat('x', 10000))
		from generate_series(1, ${count}::int) as i`;
	const page = await readState(scene.server.app, scene.user, ['a', 'b']);
	// Otherwise the rest could come live, after "caught-up".
	await until(() => scene.server.app.health().head === String(count));
	expect(page.events.length).toBeLessThan(count / 2);
	expect(JSON.stringify(page).length).toBeLessThan(8_000_000);
	const client = scene.open('topics=a&topics=b&client=page', { lastEventID: page.cursor });
	await client.caughtUp();
	const numbers = [...page.events.map(({ data }) => data), ...client.data('a', 'b')].map(
		(data) => (data as { n: number }).n
	);
	expect(numbers).toEqual(Array.from({ length: count }, (_, i) => i + 1));
});
