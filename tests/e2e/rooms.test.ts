import { expect, it } from 'vitest';
import type { Route } from 'playwright-core';
import { RoomsPage } from './rooms-page.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest();

it('who is invited sees the room at once with its history, and nothing more after leaving', async () => {
	const app = await stage.app();
	const ann = await RoomsPage.join(stage, app, 'ann');
	const bob = await RoomsPage.join(stage, app, 'bob');
	await ann.make('Plans', 'Open');
	await ann.say('Before Bob');
	await ann.shows('ann made this room', 'Before Bob');

	await ann.invite('bob');
	await bob.open('Plans');
	await bob.shows('ann made this room', 'Before Bob', 'bob joined');
	await bob.message().fill('Hello ann');
	await bob.message().press('Enter');
	await ann.shows('ann made this room', 'Before Bob', 'bob joined', 'Hello ann');
	expect(await bob.message().inputValue(), 'the field is empty for the next message').toBe('');
	const focused = () => bob.page.evaluate(() => document.activeElement?.getAttribute('name'));
	expect(await focused()).toBe('text');
	await bob.say('Sent with the button');
	await ann.page.getByText('Sent with the button').waitFor();
	expect(await focused(), 'the focus is back in the field').toBe('text');

	// A reload shows the same, and goes on from there.
	await ann.page.reload();
	await ann.live();
	await bob.say('After the reload');
	const all = ['Hello ann', 'Sent with the button', 'After the reload'];
	await ann.shows('ann made this room', 'Before Bob', 'bob joined', ...all);

	await bob.button('Leave').click();
	await bob.page.getByText('You are not in “Plans” any more.').waitFor();
	expect(await bob.rooms().count()).toBe(0);
	await ann.page.getByText('bob left').waitFor();
	await ann.say('Bob is gone');
	await ann.shows(
		'ann made this room',
		'Before Bob',
		'bob joined',
		...all,
		'bob left',
		'Bob is gone'
	);
	await ann.make('Other', 'Open');
	await ann.invite('bob');
	await bob.open('Other');
	await bob.shows('ann made this room', 'bob joined');
	expect(await bob.names(), 'of the room that he left, nothing came').toEqual(['Other']);
	expect(await bob.page.content()).not.toContain('Bob is gone');
	expect([...ann.complaints, ...bob.complaints]).toEqual([]);
});

it('a confidential room shows a new member only what is said from then on', async () => {
	const app = await stage.app();
	const ann = await RoomsPage.join(stage, app, 'ann');
	const bob = await RoomsPage.join(stage, app, 'bob');
	await ann.make('Salaries', 'Confidential');
	await ann.say('Only for ann');
	await ann.shows('ann made this room', 'Only for ann');
	await ann.invite('bob');
	await bob.open('Salaries');
	await ann.say('For both');
	await bob.shows('bob joined', 'For both');
	await bob.page.reload();
	await bob.live();
	await bob.shows('bob joined', 'For both');
	expect(await bob.page.content()).not.toContain('Only for ann');

	// Any program may take a member out.
	await stage.sql`delete from room_members where user_id = (select id from users where username = 'bob')`;
	await bob.page.getByText('You are not in “Salaries” any more.').waitFor();
	await bob.page.getByText('No such room here').waitFor();
	await ann.say('Again only for ann');
	await ann.invite('bob');
	await bob.shows('bob joined');
	expect(await bob.page.content()).not.toContain('only for ann');
	expect([...ann.complaints, ...bob.complaints]).toEqual([]);
});

it('members see who is here, who types, and what they have not read, on every device', async () => {
	const app = await stage.app();
	const ann = await RoomsPage.join(stage, app, 'ann');
	const bob = await RoomsPage.join(stage, app, 'bob');
	await ann.make('Plans', 'Open');
	await ann.invite('bob');
	await bob.make('Own', 'Open');
	await ann.page.getByText('Here now: bob').waitFor();

	// A second device of Bob: what one reads is read on the other.
	const phone = new RoomsPage(await bob.page.context().newPage());
	await phone.page.goto(`${app.url}/examples/rooms`);
	await phone.live();
	await phone.open('Own');
	const unread = (of: RoomsPage) =>
		of
			.rooms()
			.filter({ hasText: 'Plans' })
			.getByText(/^\d+\+?/);
	await ann.say('One');
	await ann.say('Two');
	for (const device of [bob, phone]) await device.rooms().filter({ hasText: '2 unread' }).waitFor();

	await bob.open('Plans');
	await bob.page.getByRole('heading', { name: 'Plans' }).waitFor();
	await bob.message().pressSequentially('Hel');
	await ann.page.getByText('bob is typing…').waitFor();
	await ann.page.getByText('bob is typing…').waitFor({ state: 'detached' });
	for (const device of [bob, phone]) await unread(device).waitFor({ state: 'detached' });
	await bob.page.reload();
	await bob.live();
	expect(await unread(bob).count(), 'the server renders it as read').toBe(0);

	await phone.page.close();
	await bob.page.close();
	await ann.page.getByText('Here now: bob').waitFor({ state: 'detached' });
	expect([...ann.complaints, ...bob.complaints, ...phone.complaints]).toEqual([]);
});

it('what is refused is said beside the form, and what was typed stays', async () => {
	const app = await stage.app();
	const ann = await RoomsPage.join(stage, app, 'ann');
	await ann.make('Plans', 'Open');
	await ann.invite('nobody');
	await ann.page.getByText('There is no user “nobody”.').waitFor();
	expect(await ann.page.getByLabel('User name of a new member').inputValue()).toBe('nobody');

	await ann.page.route('**/examples/rooms**', (route) => route.abort('internetdisconnected'));
	await ann.say('Lost on the way');
	await ann.page.getByText('The server cannot be reached. Try again.').waitFor();
	expect(await ann.message().inputValue()).toBe('Lost on the way');
	await ann.page.unroute('**/examples/rooms**');
	await ann.button('Send').click();
	await ann.shows('ann made this room', 'Lost on the way');
	await ann.page.getByText('cannot be reached').waitFor({ state: 'detached' });
});

it('serves people without JavaScript: make, invite, say, leave', async () => {
	const app = await stage.app();
	const ann = await RoomsPage.join(stage, app, 'ann', { javaScriptEnabled: false });
	const bob = await RoomsPage.join(stage, app, 'bob', { javaScriptEnabled: false });
	await ann.make('Plans', 'Open');
	await ann.say('Without scripts');
	await ann.shows('ann made this room', 'Without scripts');
	await ann.invite('nobody');
	await ann.page.getByText('There is no user “nobody”.').waitFor();
	expect(await ann.page.getByLabel('User name of a new member').inputValue()).toBe('nobody');
	await ann.shows('ann made this room', 'Without scripts');
	await ann.invite('bob');
	await ann.shows('ann made this room', 'Without scripts', 'bob joined');
	await ann.make('Second', 'Confidential');
	expect(await ann.names()).toEqual(['Second', 'Plans']);

	await bob.page.reload();
	await bob.open('Plans');
	await bob.say('Hello');
	await bob.shows('ann made this room', 'Without scripts', 'bob joined', 'Hello');
	await bob.button('Leave').click();
	await bob.page.getByText('No rooms yet').waitFor();
});

it('the top bar leads to the rooms, and the address of a room waits for the sign-in', async () => {
	const app = await stage.app();
	const ada = await stage.openPage();
	await ada.signUp(app.url, 'ada');
	await ada.page.getByRole('link', { name: 'Rooms' }).click();
	await ada.page.getByText('No rooms yet').waitFor();
	await ada.page.getByRole('link', { name: 'Story' }).click();
	await ada.live();
	expect(ada.complaints).toEqual([]);

	const asked = await fetch(`${app.url}/examples/rooms?room=rooms/1`, { redirect: 'manual' });
	expect(asked.status).toBe(303);
	expect(asked.headers.get('location')).toBe(
		`/login?redirectTo=${encodeURIComponent('/examples/rooms?room=rooms%2F1')}`
	);
});

it('what stays unread is mailed, and the list of rooms says so until it is read on any device', async () => {
	const app = await stage.start({ env: { LOGLINE_ROOM_MAIL_MS: '300' } });
	const ann = await RoomsPage.join(stage, app, 'ann');
	const bob = await RoomsPage.join(stage, app, 'bob');
	await ann.make('Plans', 'Open');
	await ann.invite('bob');
	await bob.make('Own', 'Open');
	const phone = new RoomsPage(await bob.page.context().newPage());
	const mailed = (of: RoomsPage) => of.rooms().filter({ hasText: 'mailed' });
	await ann.say('One');
	await mailed(bob).waitFor();
	await phone.page.goto(`${app.url}/examples/rooms`);
	expect(await mailed(phone).count(), 'the server renders it').toBe(1);
	await phone.live();
	await bob.open('Plans');
	for (const device of [bob, phone]) await mailed(device).waitFor({ state: 'detached' });
	const mails = await stage.sql`select data from events where topic = 'room-mail'`;
	expect(mails).toMatchObject([{ data: { room: 'Plans', from: 'ann', unread: 1 } }]);
	expect([...ann.complaints, ...bob.complaints, ...phone.complaints]).toEqual([]);
});

it('whoever goes to another room while a message is on its way stays there, and no text is lost', async () => {
	const app = await stage.app();
	const ann = await RoomsPage.join(stage, app, 'ann');
	await ann.make('One', 'Open');
	await ann.make('Two', 'Open');
	const heading = (name: string) => ann.page.getByRole('heading', { name, exact: true }).waitFor();
	let pass = () => {};
	/** Holds what is sent, until it is let on its way. */
	const hold = async (then: (route: Route) => Promise<void>) => {
		await ann.page.unroute(/\/say/);
		const held = new Promise<void>((resolve) => (pass = resolve));
		await ann.page.route(/\/say/, (route) => held.then(() => then(route)));
	};

	await hold((route) => route.continue());
	await ann.say('Slow');
	await ann.open('One');
	await heading('One');
	const answered = ann.page.waitForResponse(/\/say/);
	await ann.message().fill('Half a sent');
	pass();
	await (await answered).finished();
	await ann.page.evaluate(
		() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))
	);
	await heading('One');
	await ann.open('Two');
	await ann.shows('ann made this room', 'Slow');
	await ann.open('One');
	await heading('One');
	expect(await ann.message().inputValue(), 'what was not sent yet').toBe('Half a sent');

	await hold((route) => route.abort('internetdisconnected'));
	await ann.message().fill('In vain');
	await ann.button('Send').click();
	await ann.open('Two');
	await heading('Two');
	pass();
	await ann.rooms().filter({ hasText: 'not sent' }).waitFor();
	await heading('Two');
	expect(await ann.message().inputValue()).toBe('');
	await ann.open('One');
	await ann.page.getByText('The server cannot be reached. Try again.').waitFor();
	expect(await ann.message().inputValue()).toBe('In vain');
	await ann.page.unroute(/\/say/);
	await ann.button('Send').click();
	await ann.shows('ann made this room', 'In vain');
	expect(await ann.message().inputValue()).toBe('');
	await ann.page.getByText('cannot be reached').waitFor({ state: 'detached' });
	expect(await ann.rooms().filter({ hasText: 'not sent' }).count()).toBe(0);
});

it('an invitation moves nobody who writes, new lines scroll no page, and what nobody sees stays unread', async () => {
	const app = await stage.app();
	const ann = await RoomsPage.join(stage, app, 'ann');
	const bob = await RoomsPage.join(stage, app, 'bob', { viewport: { width: 360, height: 640 } });
	await bob.make('Own', 'Open');
	await bob.page.goto(`${app.url}/examples/rooms`);
	await bob.live();
	await bob.message().pressSequentially('Half a sent');
	await ann.make('Plans', 'Open');
	await ann.invite('bob');
	const plans = bob.rooms().filter({ hasText: 'Plans' });
	await plans.waitFor();
	await ann.say('One');
	await plans.filter({ hasText: '1 unread' }).waitFor();
	expect(await bob.message().inputValue()).toBe('Half a sent');
	expect(await bob.message().evaluate((field) => field === document.activeElement)).toBe(true);

	// A second page, opened behind this one.
	const behind = new RoomsPage(await bob.page.context().newPage());
	const read: string[] = [];
	behind.page.on('request', (request) => {
		if (new URL(request.url()).pathname === '/api/read') read.push(request.url());
	});
	await behind.page.addInitScript(() => {
		let state: DocumentVisibilityState = 'hidden';
		Object.defineProperty(document, 'visibilityState', { get: () => state });
		document.addEventListener('be-seen', () => {
			state = 'visible';
			document.dispatchEvent(new Event('visibilitychange'));
		});
	});
	await behind.page.goto(new URL((await plans.getAttribute('href'))!, bob.page.url()).href);
	await behind.live();
	await ann.say('Two');
	await behind.shows('ann made this room', 'bob joined', 'One', 'Two');
	await plans.filter({ hasText: '2 unread' }).waitFor();
	expect(read).toEqual([]);
	await behind.page.evaluate(() => document.dispatchEvent(new Event('be-seen')));
	await plans.filter({ hasText: 'unread' }).waitFor({ state: 'detached' });

	await plans.click();
	await bob.shows('ann made this room', 'bob joined', 'One', 'Two');
	await bob.page.evaluate(() => scrollTo(0, document.body.scrollHeight));
	const top = await bob.page.evaluate(() => scrollY);
	expect(top).toBeGreaterThan(0);
	await ann.say('Three');
	await bob.shows('ann made this room', 'bob joined', 'One', 'Two', 'Three');
	expect(await bob.page.evaluate(() => scrollY), 'the page stays where it is').toBe(top);
	expect([...ann.complaints, ...bob.complaints, ...behind.complaints]).toEqual([]);
});
