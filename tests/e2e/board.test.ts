import { expect, it } from 'vitest';
import { until } from '../support/until.ts';
import { signUp } from './account.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest();

/** How many servers are killed. LOGLINE_KILLS=20 for the long form. */
const KILLS = Number(process.env.LOGLINE_KILLS ?? 3);

it('twenty live queries of a page, on one connection, equal their SQL whenever servers are killed', async () => {
	const app = await stage.app();
	const profile = await stage.profile();
	const pairs = (await signUp(app, 'ada')).split('; ').map((pair) => pair.split('='));
	await profile.addCookies(pairs.map(([name = '', value = '']) => ({ name, value, url: app.url })));
	const page = await profile.newPage();
	const streams: string[] = [];
	page.on('request', (request) => {
		if (request.url().includes('/remote/')) streams.push(request.url());
	});
	await page.goto(`${app.url}/examples/board`);
	const [user] = await stage.sql<{ id: string }[]>`select id from users where username = 'ada'`;

	const shown = () =>
		page
			.locator('[data-number]')
			.evaluateAll((cells) =>
				Object.fromEntries(
					cells.map((cell) => [(cell as HTMLElement).dataset.number, cell.textContent])
				)
			);
	const truth = async () => {
		const rows = await stage.sql<{ name: string; value: string }[]>`
			SELECT t.topic || ' ' || m.measure AS name, m.value
			FROM unnest(ARRAY['message', 'prompt', 'end', 'logs', 'notifications']) AS t(topic)
			CROSS JOIN LATERAL (
				SELECT count(*) AS events, count(user_id) AS yours, coalesce(max(id), 0) AS newest, coalesce(sum(octet_length(data::text)), 0) AS octets
				FROM events WHERE topic = t.topic AND (user_id IS NULL OR user_id = ${user!.id})
			) AS s
			CROSS JOIN LATERAL (VALUES ('events', events::text), ('yours', yours::text), ('newest', newest::text), ('octets', octets::text)) AS m(measure, value)`;
		return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
	};
	// The story of a new user goes on meanwhile, so the truth moves, too.
	const equal = async (what: string) => {
		let wanted = {};
		let got = {};
		await until(
			async () => {
				[wanted, got] = [await truth(), await shown()];
				return JSON.stringify(sorted(wanted)) === JSON.stringify(sorted(got));
			},
			{ what, timeoutMs: 30_000 }
		).catch(() => expect(got).toEqual(wanted));
		expect(Object.keys(got)).toHaveLength(20);
	};
	const write = (n: number) => stage.sql`
		INSERT INTO events (topic, user_id, data)
		SELECT 'logs', CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN ${user!.id} ELSE 'somebody else' END,
			jsonb_build_object('id', i, 'level', 'info', 'source', 'test', 'message', repeat('x', i), 'timestamp', now())
		FROM generate_series(1, ${n}::int) AS i`;

	await equal('the first values');
	await write(5);
	await equal('values after events');
	expect(streams).toHaveLength(1);
	for (let kill = 1; kill <= KILLS; kill++) {
		await app.kill9();
		await write(kill);
		await app.restart();
		await equal(`values after kill ${kill}`);
		await write(2);
		await equal(`values live after kill ${kill}`);
	}
	// A server that shuts down in order ends its queries; the page comes back by itself.
	await app.terminate();
	await write(1);
	await app.restart();
	await equal('values after an orderly restart');
});

const sorted = (values: Record<string, string | null>) => Object.entries(values).sort();
