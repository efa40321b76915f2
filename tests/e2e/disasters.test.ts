import { afterEach, describe, expect, it } from 'vitest';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { until } from '../support/until.ts';
import { WHOLE_STORY } from './demo-page.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest();

describe('a server that is killed', () => {
	it('in the middle of a story: the chat ends as if nobody had killed it', async () => {
		const app = await stage.start();
		const player = await stage.openPage();
		await player.signUp(app.url, 'ada');

		// While a character speaks.
		await player.chatReaches(2);
		await app.kill9();
		await app.restart();

		// While the player's reply is on its way: either it was accepted, or the player says it again.
		await player.reply();
		await player.chatReaches(6);
		await player.reply();
		await app.kill9();
		await app.restart();

		await player.playTo(18);
		await app.kill9();
		await app.restart();
		await player.playToEnd();

		expect(await player.chatLines()).toEqual(WHOLE_STORY);
		expect(await stage.loggedChat()).toEqual(WHOLE_STORY);
		await player.page.reload();
		expect(await player.chatLines()).toEqual(WHOLE_STORY);
	});

	let proxy: Proxy | undefined;
	afterEach(async () => {
		await proxy?.close();
		proxy = undefined;
	});

	it(
		'in the middle of a replay, twice: every event arrives once and in order',
		{ timeout: 240_000 },
		async () => {
			const NOTES = 2000;
			const LINES = 200;
			const through = (proxy = await startProxy(() => app.port));
			const app = await stage.start({ publicPort: through.port });
			const reader = await stage.openPage();
			await reader.signUp(app.url, 'ada');
			// The story waits for a reply, so nothing else is written.
			await reader.button('Send').and(reader.page.locator(':not([aria-disabled])')).waitFor();
			const before = await reader.chatLines();

			await reader.button('Disconnect').click();
			const bytes = await writeMuch(NOTES, LINES);
			await reader.button('Connect').click();
			for (const share of [0.2, 0.4]) {
				// More than the system can buffer: the server is still sending and waits for the reader.
				const enough = through.delivered + share * bytes;
				await until(() => through.delivered >= enough, {
					what: 'a part of it has arrived',
					timeoutMs: 60_000
				});
				through.pause();
				await app.kill9();
				through.cut();
				through.resume();
				expect(await reader.counter('Notifications'), 'all came before the end').toBeLessThan(
					NOTES
				);
				await app.restart();
			}
			const missing = async () => NOTES - (await reader.counter('Notifications'));
			await until(async () => (await missing()) <= 0, {
				what: 'no notification is missing',
				timeoutMs: 90_000,
				everyMs: 100
			});
			await stage.publish('notifications', 'Written after all that');
			await reader.shows('Notifications', 'Written after all that');

			expect(await reader.counter('Notifications')).toBe(NOTES + 1);
			expect(await reader.entries('Notifications')).toEqual([
				'Written after all that',
				...Array.from({ length: 49 }, (_, i) => `note ${NOTES - i}`)
			]);
			expect(await reader.chatLines()).toEqual([
				...before,
				...Array.from({ length: LINES }, (_, i) => `line ${i + 1}`)
			]);
		}
	);

	it('while another serves the same database: the story goes on there, and comes back once', async () => {
		const [one, other] = await Promise.all([stage.start(), stage.start()]);
		const [here, there] = [await stage.openPage(), await stage.openPage()];
		await here.signUp(one.url, 'ada');
		await there.signIn(other.url, 'ada');

		// A reply in one tab changes both.
		await here.reply();
		await there.chatReaches(6);
		await there.reply();
		await Promise.all([here.chatReaches(12), there.chatReaches(12)]);

		await one.kill9();
		await there.playToEnd();
		expect(await there.chatLines()).toEqual(WHOLE_STORY);

		await one.restart();
		await until(() => here.ended, { what: 'the end is told here, too', timeoutMs: 30_000 });
		expect(await here.chatLines()).toEqual(WHOLE_STORY);
		expect(await stage.loggedChat()).toEqual(WHOLE_STORY);
	});
});

/**
 * Writes notifications for everyone and chat lines for the only user, mixed, in one statement.
 *
 * @returns approximate bytes on the wire
 */
async function writeMuch(notes: number, lines: number): Promise<number> {
	const every = notes / lines + 1;
	const padding = 'x'.repeat(10_000);
	await stage.sql`
		insert into events (topic, user_id, data)
		select
			case when n % ${every}::int = 0 then 'message' else 'notifications' end,
			case when n % ${every}::int = 0 then (select id from users) end,
			case when n % ${every}::int = 0
				then jsonb_build_object('id', n::text, 'sender', 'Scribe', 'text', 'line ' || n / ${every}::int)
				else jsonb_build_object('id', n::text, 'type', 'info', 'timestamp', now(),
					'message', 'note ' || n - n / ${every}::int, 'padding', ${padding}::text)
			end
		from generate_series(1, ${notes + lines}::int) as n`;
	return notes * padding.length;
}
