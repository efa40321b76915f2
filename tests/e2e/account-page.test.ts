import { request, type IncomingMessage } from 'node:http';
import { expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import type { BuiltApp } from '../support/built-app.ts';
import { StreamClient } from '../support/stream-client.ts';
import { until } from '../support/until.ts';
import { form, PASSWORD, signUp } from './account.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest();

const NEXT = 'a whole new sentence';

/** The focused element: its name, else its text. */
const FOCUS = `document.activeElement.getAttribute('name') ?? document.activeElement.textContent.trim()`;

async function cookieOf(response: Response): Promise<string> {
	await response.body?.cancel();
	return response.headers
		.getSetCookie()
		.map((set) => set.split(';')[0])
		.join('; ');
}

/** Signs in or up by the form of a page without JavaScript. */
async function enter(page: Page, app: BuiltApp, path: string, username: string): Promise<void> {
	await page.goto(`${app.url}${path}?redirectTo=/account`);
	await page.getByLabel('User name').fill(username);
	await page.getByLabel('Password').fill(PASSWORD);
	await page.getByLabel('Password').press('Enter');
	await page.getByRole('heading', { name: 'Your account' }).waitFor();
}

it('without JavaScript a user changes the password, ends sessions and deletes the account, and an error gets the focus', async () => {
	const app = await stage.app();
	const context = await stage.profile({ javaScriptEnabled: false });
	const page = await context.newPage();
	await enter(page, app, '/signup', 'ada');
	const elsewhere = await cookieOf(
		await fetch(`${app.url}/login`, {
			...form({ username: 'ada', password: PASSWORD }),
			headers: { 'user-agent': 'Mozilla/5.0 (Windows NT 10.0) Gecko/20100101 Firefox/140.0' }
		})
	);
	const live = new StreamClient(`${app.url}/api/events?topics=logs`, { cookie: elsewhere });
	await live.caughtUp();

	await page.goto(`${app.url}/account?done=constructor`);
	expect(await page.getByRole('status').count(), 'nothing of the kind was done').toBe(0);
	await page.goto(`${app.url}/account`);
	const list = page.getByRole('region', { name: 'Where you are signed in' });
	expect(await list.getByRole('listitem').count()).toBe(2);
	expect(await list.getByRole('listitem').first().textContent()).toContain('This one');
	await list.getByRole('button', { name: 'Sign out Firefox on Windows' }).click();
	await page.getByText('That session has ended.').waitFor();
	await until(() => live.ended, { what: 'the stream of that session has ended' });
	expect(live.of('signed-out')).toHaveLength(1);

	const change = page.getByRole('region', { name: 'Change your password' });
	await change.getByLabel('Present password').fill('wrong horse battery');
	await change.getByLabel('New password').fill(NEXT);
	const [refused] = await Promise.all([
		page.waitForResponse((response) => response.request().method() === 'POST'),
		change.getByRole('button').click()
	]);
	expect(refused.status()).toBe(400);
	await page.getByText('This is not your password.').waitFor();
	expect(await page.title()).toMatch(/^Error: /);
	const wrong = change.getByLabel('Present password');
	await until(() => wrong.evaluate((field) => field === document.activeElement), {
		what: 'the wrong field has the focus'
	});
	expect(await wrong.getAttribute('aria-describedby')).toBe('password-current-note');
	await wrong.fill(PASSWORD);
	await change.getByLabel('New password').fill(NEXT);
	await change.getByRole('button').click();
	await page.getByText('Your password is changed.').waitFor();

	const end = page.getByRole('region', { name: 'Delete the account' });
	await end.getByLabel('Password').fill(NEXT);
	await end.getByRole('button').click();
	await page.getByRole('heading', { name: 'Your account is deleted' }).waitFor();
	expect((await context.cookies()).map(({ name }) => name)).toEqual(['device']);
	expect(await stage.sql`select from users`).toHaveLength(0);
	await until(
		async () => (await stage.sql`select from events where user_id is not null`).length === 0,
		{
			what: 'the private events are gone'
		}
	);
});

it('a guest tries it, takes a name, and keeps id and history', async () => {
	const app = await stage.app();
	const started = await fetch(`${app.url}/guest?redirectTo=/account`, {
		method: 'POST',
		redirect: 'manual'
	});
	expect(started.status).toBe(303);
	expect(started.headers.get('location')).toBe('/account');
	const cookie = await cookieOf(started);
	const { page } = await stage.openPage();
	await page.context().addCookies(
		cookie.split('; ').map((pair) => {
			const [name = '', value = ''] = pair.split('=');
			return { name, value, url: app.url };
		})
	);
	const [before] = await stage.sql<
		{ id: string; username: string }[]
	>`select id, username from users`;
	expect(before!.username).toMatch(/^guest-[a-z]+-[a-z]+-[0-9]{4}$/);
	await page.goto(app.url);
	await page.getByRole('link', { name: `Your account, signed in as ${before!.username}` }).click();
	const name = page.getByRole('region', { name: 'Keep this account' });
	await name.getByLabel('User name').fill('x');
	await name.getByLabel('Password').fill(PASSWORD);
	await name.getByRole('button').press('Enter');
	await page.getByText('A user name has 3 to 32 characters.').waitFor();
	await until(async () => (await page.evaluate(FOCUS)) === 'username', {
		what: 'the field has the focus'
	});
	expect(await name.getByLabel('User name').inputValue()).toBe('x');
	await name.getByLabel('User name').fill('ada');
	await name.getByLabel('Password').fill(PASSWORD);
	await name.getByRole('button').press('Enter');
	await page.getByText('The account is yours now.').waitFor();
	expect(await stage.sql`select id, username from users`).toEqual([
		{ id: before!.id, username: 'ada' }
	]);
	expect(
		(await fetch(`${app.url}/login`, form({ username: 'ada', password: PASSWORD }))).status
	).toBe(303);
	expect(await page.getByRole('region', { name: 'Keep this account' }).count()).toBe(0);
});

it('guests are made for people on this site only, as many as sign-ups, and one for each browser', async () => {
	const app = await stage.start({ env: { SIGNUPS_PER_10_MINUTES: '2' } });
	const start = (headers: Record<string, string> = {}) =>
		fetch(`${app.url}/guest`, { method: 'POST', redirect: 'manual', headers });
	expect((await start({ origin: 'https://evil.example' })).status).toBe(403);
	const first = await start();
	expect(first.headers.get('cache-control')).toBe('private, no-store');
	const cookie = await cookieOf(first);
	expect(cookie).toMatch(/auth_session=[a-z2-7]{40}/);
	expect((await start({ cookie })).headers.getSetCookie()).toEqual([]);
	expect((await start()).status).toBe(303);
	for (let n = 0; n < 2; n++) {
		const refused = await start({ accept: 'text/html' });
		expect(refused.status).toBe(429);
		expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
		expect(await refused.text()).toContain('Too many accounts are being created');
	}
	expect(
		(await fetch(`${app.url}/signup`, form({ username: 'ada', password: PASSWORD }))).status
	).toBe(429);
	expect(await stage.sql`select from users`).toHaveLength(2);
});

it('nothing of it is shown or done without a session, and nothing of it is kept by a cache', async () => {
	const app = await stage.app();
	const ask = (path: string, init: RequestInit = {}) =>
		fetch(`${app.url}${path}`, { redirect: 'manual', ...init });
	for (const path of ['/account', '/account/export']) {
		const answer = await ask(path);
		expect(answer.status, path).toBe(303);
		expect(answer.headers.get('location')).toBe('/login?redirectTo=/account');
	}
	for (const action of ['revoke', 'others', 'password', 'name', 'delete']) {
		const answer = await ask(`/account?/${action}`, form({ password: PASSWORD }));
		expect(answer.headers.get('location'), action).toBe('/login?redirectTo=/account');
	}
	const cookie = await signUp(app, 'ada');
	for (const path of ['/account', '/account/export']) {
		const answer = await ask(path, { headers: { cookie } });
		expect(answer.status, path).toBe(200);
		expect(answer.headers.get('cache-control')).toBe('private, no-store');
		await answer.body?.cancel();
	}
	const guess = () =>
		ask('/account?/delete', { ...form({ password: 'wrong horse battery' }), headers: { cookie } });
	for (let n = 0; n < 10; n++) expect((await guess()).status).toBe(400);
	const refused = await guess();
	expect(refused.status).toBe(429);
	expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
	expect(await refused.text()).toContain('Too many attempts to sign in. Try again in ');
});

/** Begins to download the events of a user, and reads nothing yet. */
function beginExport(app: BuiltApp, cookie: string): Promise<IncomingMessage> {
	return new Promise((resolve, reject) => {
		request(`${app.url}/account/export`, { agent: false, headers: { cookie } }, resolve)
			.on('error', reject)
			.end();
	});
}

/** Reads lines of events until the response ends. */
async function readLines(response: IncomingMessage, read: (n: number) => void): Promise<string> {
	let rest = '';
	response.setEncoding('utf8');
	for await (const text of response as AsyncIterable<string>) {
		const lines = (rest + text).split('\n');
		rest = lines.pop()!;
		for (const line of lines) {
			const { topic, data } = JSON.parse(line) as { topic: string; data: { n: number } };
			if (topic === 'notifications') read(data.n);
		}
	}
	return rest;
}

it('20,000 events of 80 MB are exported once each, no faster than the client reads, and not beyond the end of the session', async () => {
	const app = await stage.app();
	const cookie = await signUp(app, 'ada');
	await stage.sql`
		insert into events (topic, user_id, data)
		select 'notifications', users.id, jsonb_build_object('n', n, 'text', repeat(md5(n::text), 125))
		from users, generate_series(1, 20000) as n`;
	const idle = async () => {
		const [row] = await stage.sql<{ idle: boolean }[]>`
			select bool_and(state = 'idle' and state_change < clock_timestamp() - interval '500 ms') as idle
			from pg_stat_activity where datname = current_database() and application_name like '%history%'`;
		return row!.idle;
	};
	const held = await beginExport(app, cookie);
	expect(held.headers['content-disposition']).toContain('attachment');
	await until(idle, { what: 'the server waits for its client', everyMs: 50 });
	// Two of a user at the same time, and no more.
	const second = await beginExport(app, cookie);
	expect((await fetch(`${app.url}/account/export`, { headers: { cookie } })).status).toBe(429);
	await until(idle, { what: 'the server waits for its clients', everyMs: 50 });

	const seen = new Set<number>();
	expect(await readLines(held, (n) => seen.add(n))).toBe('');
	expect(seen.size).toBe(20_000);

	// The client that has read nothing gets what the sockets and the server have held for it, and then an error.
	await stage.sql`delete from sessions`;
	let got = 0;
	await expect(readLines(second, () => got++)).rejects.toMatchObject({ code: 'ECONNRESET' });
	expect(got).toBeLessThan(5000);
});
