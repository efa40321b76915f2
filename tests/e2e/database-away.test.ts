/** The responses for people and programs while Postgres is away, silent, read-only or locked. */
import { afterEach, describe, expect, it } from 'vitest';
import type { BuiltApp } from '../support/built-app.ts';
import { lockWaits } from '../support/lock-waits.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { until } from '../support/until.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest({ browser: false });
const PASSWORD = 'correct horse battery staple';

let proxy: Proxy | undefined;
afterEach(async () => {
	await proxy?.close();
	proxy = undefined;
});

/** Opens the app with a proxy in front of its database, and returns the cookies of a signed-in user. */
async function open(): Promise<{ app: BuiltApp; proxy: Proxy; cookie: string }> {
	const target = new URL(stage.databaseUrl);
	const between = (proxy = await startProxy(Number(target.port || 5432)));
	const url = new URL(stage.databaseUrl);
	url.hostname = '127.0.0.1';
	url.port = String(between.port);
	const app = await stage.start({ databaseUrl: url.href });
	const answer = await post(app, '/signup', { username: 'ada', password: PASSWORD });
	expect(answer.status).toBe(303);
	const cookie = answer.headers
		.getSetCookie()
		.map((set) => set.split(';')[0])
		.join('; ');
	return { app, proxy: between, cookie };
}

const HTML = 'text/html,application/xhtml+xml,*/*;q=0.8';

function get(app: BuiltApp, path: string, cookie = '', accept = HTML): Promise<Response> {
	return fetch(app.url + path, { headers: { accept, cookie }, redirect: 'manual' });
}

function post(
	app: BuiltApp,
	path: string,
	fields: Record<string, string>,
	headers: Record<string, string> = {}
): Promise<Response> {
	return fetch(app.url + path, {
		method: 'POST',
		redirect: 'manual',
		headers: { accept: HTML, origin: app.url, ...headers },
		body: new URLSearchParams(fields)
	});
}

const act = (app: BuiltApp, cookie: string) =>
	fetch(`${app.url}/api/chat`, {
		method: 'POST',
		headers: { cookie, origin: app.url, 'content-type': 'application/json' },
		body: JSON.stringify({ action: 'reset' })
	});

/** Expects 503 with a Retry-After, as a page for browsers. */
async function expectPage(response: Response): Promise<string> {
	const text = await response.text();
	expect(response.status).toBe(503);
	expect(response.headers.get('retry-after')).toMatch(/^[0-9]+$/);
	expect(response.headers.get('content-type')).toContain('text/html');
	expect(text).toContain('The database is not available just now.');
	return text;
}

async function expectJson(response: Response): Promise<void> {
	const text = await response.text();
	expect([response.status, text]).toEqual([503, expect.stringContaining('"code":"')]);
	expect(response.headers.get('retry-after')).toMatch(/^[0-9]+$/);
}

/** Sends one of each request that uses the database. */
async function expectAllRefused(app: BuiltApp, cookie: string, writesOnly = false): Promise<void> {
	const form = { username: 'bob', password: PASSWORD };
	const signUp = await expectPage(await post(app, '/signup', form));
	expect(signUp).toContain('value="bob"');
	expect(signUp).not.toContain(PASSWORD);
	const signIn = await expectPage(
		await post(app, '/login', { username: 'ada', password: PASSWORD }, writesOnly ? {} : { cookie })
	);
	expect(signIn).toContain('value="ada"');
	expect(signIn).not.toContain(PASSWORD);
	await expectPage(await post(app, '/logout', {}, { cookie }));
	await expectJson(await act(app, cookie));
	await expectJson(await get(app, '/api/events?topics=message', cookie, 'text/event-stream'));
	if (writesOnly) return;
	await expectJson(await get(app, '/api/history?topic=message', cookie));
	for (const path of ['/', '/login', '/signup']) await expectPage(await get(app, path, cookie));
	const data = await get(app, '/__data.json', cookie, '*/*');
	expect([data.status, await data.json()]).toEqual([
		503,
		{ code: 'database_unavailable', message: expect.any(String) as string }
	]);
}

it('makes no guest of who is signed in, when the session could not be read for a moment', async () => {
	const { app, cookie } = await open();
	// Who deletes old sessions waits, too, and goes on to try.
	const waits = async () => (await lockWaits(stage.sql, 'sessions', 'AccessShareLock')) > 0;
	const { answer } = await stage.sql.begin(async (sql) => {
		await sql`lock table sessions`;
		const asked = post(app, '/guest', {}, { cookie });
		await until(waits, { what: 'the session is asked for' });
		await until(async () => !(await waits()), { what: 'that was given up' });
		return { answer: asked };
	});
	await expectPage(await answer);
	expect(await stage.sql`select username from users`).toEqual([{ username: 'ada' }]);
});

describe('while Postgres is away', () => {
	it('pages say so with 503, programs get JSON, and forms keep what was typed', async () => {
		const { app, proxy, cookie } = await open();
		proxy.refuse(true);
		proxy.cut();
		await expectAllRefused(app, cookie);
		expect((await get(app, '/login')).status).toBe(200);
		proxy.refuse(false);
		await until(async () => (await get(app, '/', cookie)).status === 200);
		expect(app.output()).not.toContain('a request failed');
	});
});

describe('when every connection to Postgres has died without a word', () => {
	it('requests are answered in time, and soon as if nothing had been', async () => {
		const { app, proxy, cookie } = await open();
		await Promise.all(Array.from({ length: 20 }, () => get(app, '/', cookie)));
		proxy.halfOpen();
		const started = performance.now();
		const answers = await Promise.all([
			...Array.from({ length: 10 }, () => get(app, '/', cookie)),
			...Array.from({ length: 5 }, () => act(app, cookie)),
			...Array.from({ length: 5 }, () =>
				post(app, '/login', { username: 'ada', password: PASSWORD })
			)
		]);
		expect(performance.now() - started).toBeLessThan(12_000);
		for (const answer of answers) expect([200, 303, 503]).toContain(answer.status);
		await until(async () => (await get(app, '/', cookie)).status === 200);
		expect((await post(app, '/login', { username: 'ada', password: PASSWORD })).status).toBe(303);
	});
});

describe('while somebody holds a lock', () => {
	it.each(['sessions', 'events'])('on %s, requests are answered in time', async (table) => {
		const { app, cookie } = await open();
		await stage.sql.begin(async (tx) => {
			await tx`lock table ${tx(table)}`;
			const started = performance.now();
			const pages = await Promise.all(Array.from({ length: 8 }, () => get(app, '/', cookie)));
			for (const page of pages) await expectPage(page);
			if (table === 'sessions') await expectJson(await act(app, cookie));
			expect(performance.now() - started).toBeLessThan(15_000);
		});
		expect((await get(app, '/', cookie)).status).toBe(200);
	});
});

describe('while the database is read-only', () => {
	it('whatever has to write says 503, and what only reads goes on', async () => {
		const { app, proxy, cookie } = await open();
		await readOnly(true);
		proxy.cut();
		await expectAllRefused(app, cookie, true);
		expect((await get(app, '/', cookie)).status).toBe(200);
		await readOnly(false);
		await until(async () => (await act(app, cookie)).status === 200);
		expect(app.output()).not.toContain('a request failed');
	});

	async function readOnly(is: boolean): Promise<void> {
		const [row] = await stage.sql<{ name: string }[]>`select current_database() as name`;
		await stage.sql.unsafe(
			`alter database ${row!.name} set default_transaction_read_only = ${is ? 'on' : 'off'}`
		);
	}
});
