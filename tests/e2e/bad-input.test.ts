import { describe, expect, it } from 'vitest';
import { form, PASSWORD, signUp } from './account.ts';
import { SIGNED_IN } from './refusals/signed-in.ts';
import { SIGNED_OUT } from './refusals/signed-out.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest({ browser: false });

describe('input that is wrong is answered with what to do, and changes nothing', () => {
	it.each([
		{ who: 'somebody who is signed in', refusals: SIGNED_IN },
		{ who: 'somebody who is not', refusals: SIGNED_OUT }
	])('from $who', async ({ who, refusals }) => {
		const app = await stage.app();
		const cookie = await signUp(app, 'ada');
		const before = await contents();
		for (const { name, path, init = {}, status, code, text } of refusals) {
			const headers = new Headers(init.headers);
			if (refusals === SIGNED_IN) headers.set('cookie', cookie);
			const response = await fetch(app.url + path, { ...init, headers, redirect: 'manual' });
			const body = await response.text();
			expect(response.status, `${name}: ${body.slice(0, 300)}`).toBe(status);
			if (code) {
				expect(response.headers.get('content-type'), name).toMatch(/^application\/json/);
				expect(JSON.parse(body), name).toEqual({
					error: { code, message: expect.stringMatching(/\S{3,}/) }
				});
			}
			if (text) expect(body, name).toContain(text);
			if (text) expect(body, `${name}: the form comes back`).toContain('name="password"');
			expect(body, `${name}: a password never comes back`).not.toContain(PASSWORD);
			expect(
				response.headers.getSetCookie().filter((set) => /^auth_session=./.test(set)),
				name
			).toEqual([]);
		}
		expect(await contents(), who).toEqual(before);
	});

	it('from a client that wants more topics than a stream may have', async () => {
		const app = await stage.start({ env: { SSE_MAX_TOPICS: '2' } });
		const cookie = await signUp(app, 'ada');
		const before = await contents();
		const ask = async (topics: string) => {
			const response = await fetch(`${app.url}/api/events?${topics}`, { headers: { cookie } });
			return { status: response.status, body: await response.json() };
		};
		expect(await ask('topics=logs&topics=message&topics=prompt')).toMatchObject({
			status: 400,
			body: { error: { code: 'too_many_topics' } }
		});
		expect(await contents()).toEqual(before);
	});
});

it('a HEAD request for the stream is answered at once, and opens none', async () => {
	const app = await stage.app();
	const cookie = await signUp(app, 'ada');
	const before = await contents();
	const response = await fetch(`${app.url}/api/events?topics=logs`, {
		method: 'HEAD',
		headers: { cookie }
	});
	expect(response.status).toBe(200);
	expect(response.headers.get('content-type')).toBe('text/event-stream');
	expect(await response.text()).toBe('');
	expect(await contents()).toEqual(before);
});

it('who does not exist and who has another password get the same answer', async () => {
	const app = await stage.app();
	await signUp(app, 'ada');
	const answer = async (username: string, password: string) => {
		const response = await fetch(`${app.url}/login`, form({ username, password }));
		// The nonce differs for each page.
		return (await response.text())
			.replaceAll(username, 'NAME')
			.replaceAll(/nonce="[^"]*"/g, 'nonce');
	};
	expect(await answer('ada', 'wrong horse battery')).toBe(await answer('zoe', PASSWORD));
});

it('a form that is sent by a program, not by a browser, is answered with the redirect', async () => {
	const app = await stage.app();
	// `Accept: */*`, as curl and fetch send it.
	const response = await fetch(
		`${app.url}/signup`,
		form({ username: 'ada', password: PASSWORD, redirectTo: '/?a=1' })
	);
	expect(response.status).toBe(303);
	expect(response.headers.get('location')).toBe('/?a=1');
	const away = await fetch(
		`${app.url}/login`,
		form({ username: 'ada', password: PASSWORD, redirectTo: '//evil.example' })
	);
	expect(away.headers.get('location')).toBe('/');
});

/** Returns every row of every table. The counts of attempts are excluded, because a refused attempt counts. */
async function contents(): Promise<Record<string, unknown[]>> {
	const tables = await stage.sql<{ name: string }[]>`
		select relname as name from pg_class
		where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
			and relname <> 'rate_limits'`;
	const rows: Record<string, unknown[]> = {};
	for (const { name } of tables)
		rows[name] = [...(await stage.sql`select * from ${stage.sql(name)}`)];
	expect(Object.keys(rows)).toEqual(
		expect.arrayContaining(['users', 'sessions', 'events', 'topic_subscriptions'])
	);
	return rows;
}
