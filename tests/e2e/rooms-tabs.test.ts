import { expect, it } from 'vitest';
import { howMany } from '../support/long-forms.ts';
import { until } from '../support/until.ts';
import { RoomsPage } from './rooms-page.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest();

/** One with the connection, and others that go on without it; in the long form, more than the ten streams that a user may have. */
const TABS = howMany({ short: 4, long: 12 });

it(`${TABS} tabs with rooms are live over one connection; their user is one presence, which ends with the last of them`, async () => {
	const app = await stage.app();
	const ann = await RoomsPage.join(stage, app, 'ann');
	const bob = await RoomsPage.join(stage, app, 'bob');
	await ann.make('Plans', 'Open');
	await ann.invite('bob');
	await bob.open('Plans');
	const profile = bob.page.context();
	const tabs = [bob];
	while (tabs.length < TABS) tabs.push(new RoomsPage(await profile.newPage()));
	const opened = tabs.slice(1).map(async (tab) => {
		await tab.page.goto(`${app.url}/examples/rooms`);
		await tab.live();
	});
	await Promise.all(opened);
	await until(async () => (await app.connections()) === 2, {
		what: 'one connection serves all tabs of bob, and one ann',
		timeoutMs: 20_000
	});

	const here = ann.page.getByText('Here now: bob');
	await here.waitFor();
	for (const tab of tabs) await tab.page.getByText('Here now: ann').waitFor();
	await ann.say('Hello');
	for (const tab of tabs) await tab.shows('ann made this room', 'bob joined', 'Hello');
	const typing = tabs.map((tab) => tab.page.getByText('ann is typing…').waitFor());
	await ann.message().fill('Well');
	await Promise.all(typing);
	const last = tabs.at(-1)!;
	await last.say('One of many');
	await ann.shows('ann made this room', 'bob joined', 'Hello', 'One of many');

	// The first has the connection. The others go on without it.
	for (const tab of tabs.slice(0, -1)) await tab.page.close();
	await ann.say('Are you there?');
	await last.page.getByText('Are you there?').waitFor();
	expect(await here.count()).toBe(1);
	await last.page.getByText('Here now: ann').waitFor();

	await last.page.close();
	await here.waitFor({ state: 'detached' });
	for (const { complaints } of [ann, ...tabs]) expect(complaints).toEqual([]);
});
