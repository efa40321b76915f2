/** Another user signs in, in another tab of the same browser. What a tab still shows, and does, is its own user's. */
import { expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { asUser } from '../../src/lib/protocol/index.ts';
import type { BuiltApp } from '../support/built-app.ts';
import { form, PASSWORD, signUp } from './account.ts';
import { DemoPage } from './demo-page.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest();

const SECRET = 'For Bob alone';

/** Writes events for one user alone, or, without a name, for everyone. */
async function write(topic: string, count: number, message: string, username: string | null) {
	await stage.sql`
		insert into events (topic, user_id, data)
		select ${topic}, (select id from users where username = ${username}), jsonb_build_object(
			'id', i, 'type', 'info', 'level', 'info', 'source', 'test', 'message', ${message}::text, 'timestamp', now())
		from generate_series(1, ${count}::int) as i`;
}

/** In another tab, who is signed in signs out, and Bob signs in. */
async function bobSignsIn(ada: DemoPage, app: BuiltApp): Promise<DemoPage> {
	const bob = await DemoPage.open(ada.page.context());
	await bob.visit(app.url);
	await bob.button('Sign out').click();
	await bob.page.waitForURL((url) => url.pathname === '/login');
	await bob.signIn(app.url, 'bob');
	return bob;
}

/** Does something that asks the server, and returns the status of the answer. */
async function asking(page: Page, path: string, act: () => Promise<unknown>): Promise<number> {
	const answer = page.waitForResponse((response) => new URL(response.url()).pathname === path);
	await act();
	return (await answer).status();
}

const toEnd = (page: Page, list: string) =>
	page.locator(list).evaluate((viewport) => viewport.scrollTo(0, viewport.scrollHeight));

it('a tab that was offline while somebody else signed in shows nothing of theirs', async () => {
	const app = await stage.start({ env: { SSE_MAX_AGE_MS: '1500' } });
	await signUp(app, 'bob');
	const ada = await stage.openPage();
	await ada.signUp(app.url, 'ada');
	await stage.publish('notifications', 'Before');
	await ada.shows('Notifications', 'Before');

	// Only Ada's tab has no network. Its stream is about to reach its maximum age.
	const path = '**/api/events**';
	await ada.page.route(path, (route) => route.abort('internetdisconnected'));
	await ada.page.waitForEvent('requestfailed', (request) => request.url().includes('/api/events'));
	const bob = await bobSignsIn(ada, app);
	await write('notifications', 1, SECRET, 'bob');
	await bob.shows('Notifications', SECRET);

	await ada.page.unroute(path);
	await ada.status.filter({ hasText: 'Signed out' }).waitFor();
	expect(await ada.entries('Notifications')).toContain('Before');
	expect(await ada.entries('Notifications')).not.toContain(SECRET);
});

it('a tab beside which somebody else has signed in shows nothing of theirs, and changes nothing of theirs', async () => {
	const app = await stage.app();
	await signUp(app, 'bob');
	// What is for Bob is older than all that Ada's tabs show at first.
	await write('notifications', 5200, 'For all', null);
	await write('notifications', 1, SECRET, 'bob');
	await write('notifications', 60, 'For all', null);
	await write('logs', 300, 'For all', null);
	const [{ first, last }] = await stage.sql<[{ first: string; last: string }]>`
		select min(id) as first, max(id) as last from events where topic = 'logs'`;
	const ada = await stage.openPage();
	await ada.signUp(app.url, 'ada');
	const open = async (path: string) => {
		const page = await ada.page.context().newPage();
		await page.goto(app.url + path);
		return page;
	};
	const log = await open('/log');
	const old = await open(`/log?before=${last}`);
	const event = await open(`/log/${first}`);
	const sql = await open('/log/sql');
	await log.getByText('Live', { exact: true }).waitFor();
	await event.getByRole('heading', { name: `Event ${first}` }).waitFor();
	const more = sql.getByRole('button', { name: 'Load more', disabled: false });
	await more.waitFor({ timeout: 100_000 });

	await bobSignsIn(ada, app);
	await ada.status.filter({ hasText: 'Signed out' }).waitFor();
	await log.getByRole('link', { name: 'You are signed out' }).waitFor();
	const asked: string[] = [];
	log.on('request', (request) => asked.push(request.url()));
	await toEnd(log, '[role=rowgroup]');
	const notifications = '[role=group][aria-labelledby="notifications-title"]';
	const statuses = {
		notifications: await asking(ada.page, '/api/history', () => toEnd(ada.page, notifications)),
		read: await asking(ada.page, '/api/read', () => ada.button('Mark all read').click()),
		cleared: await asking(ada.page, '/api/inbox', () => ada.button('Clear').click()),
		reset: await asking(ada.page, '/api/chat', () => ada.button('Reset').click()),
		old: await asking(old, '/log/events.json', () => toEnd(old, '[role=rowgroup]')),
		sql: await asking(sql, '/log/events.json', () => more.click())
	};
	await event.getByRole('link', { name: '→' }).click();

	const [changed] = await stage.sql`
		select count(*) filter (where topic in ('reset', 'inbox'))::int as events,
			(select count(*)::int from read_markers m where m.user_id = u.id) as markers
		from users u left join events e on e.user_id = u.id where username = 'bob' group by u.id`;
	expect(changed).toEqual({ events: 0, markers: 0 });
	expect(new Set(Object.values(statuses))).toEqual(new Set([401]));
	expect(asked).toEqual([]);

	const region = (name: string | RegExp) => ada.page.getByRole('region', { name });
	await region('Notifications').getByText('Your session has ended.').waitFor();
	await region('Story').getByText('Your session has ended.').waitFor();
	await region(/^Messages/)
		.getByText('Your session has ended.')
		.first()
		.waitFor();
	await old.getByRole('link', { name: 'You are signed out' }).waitFor();
	await event.getByText('signed in as bob').waitFor();
	await sql.getByRole('alert').getByText('Somebody else has signed in.').waitFor();
	for (const page of [ada.page, log, old, sql]) {
		expect(await page.getByText(SECRET).count()).toBe(0);
	}
});

it('the forms and numbers of a tab do not become those of who has signed in beside it', async () => {
	const app = await stage.app();
	await signUp(app, 'bob');
	const ada = await stage.openPage();
	await ada.signUp(app.url, 'ada');
	// Both have a session elsewhere.
	await fetch(`${app.url}/login`, form({ username: 'ada', password: PASSWORD }));
	const open = async (path: string) => {
		const page = await ada.page.context().newPage();
		await page.goto(app.url + path);
		return page;
	};
	const account = await open('/account');
	const rooms = await open('/examples/rooms');
	const board = await open('/examples/board');
	await board.getByRole('status').filter({ hasText: 'Live' }).waitFor();

	await bobSignsIn(ada, app);
	await rooms.getByLabel('Name', { exact: true }).fill('A room');
	await rooms.getByRole('button', { name: 'Make the room' }).click();
	await rooms.getByRole('alert').getByText('Somebody else has signed in.').waitFor();
	await account.getByRole('button', { name: 'Sign out everywhere else' }).click();
	await account.getByText('Somebody else has signed in.').waitFor();
	await board.getByRole('status').filter({ hasText: 'Signed out' }).waitFor();
	await board.getByRole('button', { name: 'Sign out' }).click();
	await board.getByText('Somebody else has signed in.').waitFor();
	const [bobs] = await stage.sql`
		select (select count(*)::int from sessions where user_id = u.id) as sessions,
			(select count(*)::int from grants where user_id = u.id) as rooms
		from users u where username = 'bob'`;
	expect(bobs).toEqual({ sessions: 2, rooms: 0 });
});

/** Where the links and forms of an open tab lead without a new document, each by other loads. */
const WAYS: [from: string, act: (page: Page) => Promise<unknown>][] = [
	['/', (page) => page.getByRole('link', { name: 'Log', exact: true }).click()],
	['/', (page) => page.getByRole('link', { name: 'Your account' }).click()],
	['/', (page) => page.getByRole('link', { name: 'Board', exact: true }).click()],
	['/account', (page) => page.getByRole('link', { name: 'Story', exact: true }).click()],
	['/account', (page) => page.getByRole('link', { name: 'Rooms', exact: true }).click()],
	['/log?topic=logs', (page) => page.getByRole('link', { name: 'Remove all' }).click()],
	// The list alone, and the event alone: what is beside it stays Ada's.
	['/log/first?topic=logs', (page) => page.getByRole('link', { name: 'Show around it' }).click()],
	['/log/first?topic=logs', (page) => page.getByRole('link', { name: '→' }).click()],
	['/log', (page) => page.getByRole('link', { name: 'Ask in SQL' }).click()]
];

it('a link in a tab beside which somebody else has signed in leads to their page as a whole, and the tab itself shows nothing of it', async () => {
	const app = await stage.app();
	await signUp(app, 'bob');
	await write('logs', 3, 'For all', null);
	await write('notifications', 1, SECRET, 'bob');
	const ada = await stage.openPage();
	await ada.signUp(app.url, 'ada');
	const [{ first }] = await stage.sql<[{ first: string }]>`
		select min(id) as first from events where topic = 'logs'`;
	const profile = ada.page.context();
	const seen: string[] = [];
	await profile.exposeFunction('saw', (path: string) => seen.push(path));
	const tabs: Page[] = [];
	for (const [from] of WAYS) {
		const page = await profile.newPage();
		await page.goto(app.url + from.replace('first', first));
		await page.getByText('signed in as ada').waitFor();
		await page.waitForFunction('document.querySelector("#svelte-announcer")');
		tabs.push(page);
	}
	await bobSignsIn(ada, app);
	for (const [index, [from, act]] of WAYS.entries()) {
		const page = tabs[index]!;
		await page.evaluate(
			([secret, from]) => {
				const { saw } = window as unknown as { saw: (path: string) => void };
				const look = () => {
					const text = document.body.innerText;
					if (text.includes(secret) || /\bbob\b/.test(text)) saw(`${from} → ${location.pathname}`);
				};
				new MutationObserver(look).observe(document, {
					subtree: true,
					childList: true,
					characterData: true
				});
			},
			[SECRET, from] as const
		);
		const loaded = page.waitForEvent('domcontentloaded', { timeout: 10_000 }).catch(() => null);
		await act(page);
		expect(await loaded, from).not.toBeNull();
		await page.getByText('signed in as bob').waitFor();
	}
	expect(seen).toEqual([]);
});

const json = (body: object): RequestInit => ({
	method: 'POST',
	body: JSON.stringify(body),
	headers: { 'content-type': 'application/json' }
});

/** The last one ends the other sessions of its user. */
const REQUESTS: [path: string, init?: RequestInit][] = [
	['/api/history?topic=logs'],
	['/api/between?topics=logs&after=0'],
	['/log/events.json?limit=5'],
	['/account/export'],
	['/api/read', json({ topic: 'notifications', id: '1' })],
	['/api/inbox', json({ clearedUpTo: '1' })],
	['/api/chat', json({ action: 'reset' })],
	['/api/signal', json({ topic: 'rooms/1/typing', data: {} })],
	['/examples/rooms?/create', form({ name: 'A room', kind: 'rooms' })],
	['/account?/others', form({})]
];

it('a request for another user than the one who is signed in is refused on every route, and one that names nobody goes on', async () => {
	const app = await stage.app();
	await signUp(app, 'ada');
	await signUp(app, 'bob');
	const signedIn = await fetch(`${app.url}/login`, form({ username: 'bob', password: PASSWORD }));
	const cookie = signedIn.headers
		.getSetCookie()
		.map((set) => set.split(';')[0])
		.join('; ');
	const users = await stage.sql<{ id: string }[]>`select id from users order by username`;
	const [ada, bob] = users.map(({ id }) => id) as [string, string];
	const state = () => stage.sql`
		select (select count(*) from events where topic in ('reset', 'inbox')) as events,
			(select count(*) from sessions) as sessions, (select count(*) from read_markers) as markers,
			(select count(*) from grants) as rooms`;
	const ask = async (path: string, init: RequestInit = {}) => {
		const headers = { ...(init.headers as Record<string, string> | undefined), cookie };
		const response = await fetch(app.url + path, { ...init, headers, redirect: 'manual' });
		return { path, status: response.status, text: await response.text() };
	};
	const before = await state();
	for (const [path, init] of REQUESTS) {
		expect(await ask(asUser(path, ada), init)).toEqual({
			path: asUser(path, ada),
			status: 401,
			text: expect.stringContaining('Somebody else has signed in.') as string
		});
	}
	expect(await state()).toEqual(before);
	for (const [path, init] of REQUESTS) {
		for (const address of [path, asUser(path, bob)]) {
			// Nobody has let Bob into that room.
			const status = path === '/api/signal' ? 403 : path.includes('?/') ? 303 : 200;
			expect(await ask(address, init)).toMatchObject({ path: address, status });
		}
	}
});

it('what a form of the account says when it is done is said to its user alone, whoever has signed in before the page comes', async () => {
	const app = await stage.app();
	const ada = await signUp(app, 'ada');
	const bob = await signUp(app, 'bob');
	const headers = { cookie: ada };
	const sent = await fetch(`${app.url}/account?/others`, { ...form({}), headers });
	const ask = async (cookie: string) => {
		const page = new URL(sent.headers.get('location')!, app.url);
		const response = await fetch(page, { headers: { cookie }, redirect: 'manual' });
		const said = (await response.text()).includes('All other sessions have ended.');
		return { status: response.status, said };
	};
	expect(await ask(ada)).toEqual({ status: 200, said: true });
	expect(await ask(bob)).toEqual({ status: 401, said: false });
	expect(await ask('')).toEqual({ status: 303, said: false });
});

it('a request of a session that has ended is answered as nobody’s, and its answer leaves the cookie of who has signed in meanwhile', async () => {
	const app = await stage.app();
	const cookie = await signUp(app, 'ada');
	await stage.sql`delete from sessions`;
	const ask = async (path: string) => {
		const response = await fetch(app.url + path, { headers: { cookie }, redirect: 'manual' });
		await response.body?.cancel();
		return { path, status: response.status, cookies: response.headers.getSetCookie() };
	};
	for (const [path, status] of [
		['/', 200],
		['/login', 200],
		['/log', 303],
		['/log/__data.json', 200],
		['/account', 303],
		['/api/history?topic=logs', 401]
	] as const) {
		expect(await ask(path)).toEqual({ path, status, cookies: [] });
	}
	const headers = { cookie };
	const again = form({ username: 'ada', password: PASSWORD });
	expect((await fetch(`${app.url}/login`, { ...again, headers })).status).toBe(303);
});
