import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { ISql } from 'postgres';
import { afterEach, expect, it } from 'vitest';
import type { BuiltApp } from '../support/built-app.ts';
import { lockWaits } from '../support/lock-waits.ts';
import { until } from '../support/until.ts';
import { form, PASSWORD, signUp } from './account.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest({ browser: false });

const sockets: Socket[] = [];
afterEach(() => {
	for (const socket of sockets.splice(0)) socket.destroy();
});

/** Sends a request but for the end of its body. Resolves when the server has read its session. */
async function sendSlowly(app: BuiltApp, cookie: string, path: string, type: string, body: string) {
	const { host, hostname, port, origin } = new URL(app.url);
	const socket = connect(Number(port), hostname);
	sockets.push(socket);
	await once(socket, 'connect');
	let answer = '';
	socket.setEncoding('utf8');
	socket.on('data', (text: string) => (answer += text));
	const head = [
		`POST ${path} HTTP/1.1`,
		`host: ${host}`,
		`origin: ${origin}`,
		`cookie: ${cookie}`,
		`content-type: ${type}`,
		`content-length: ${body.length}`,
		'accept: application/json',
		'expect: 100-continue',
		'connection: close'
	];
	await stage.sql.begin(async (sql) => {
		await sql`lock table sessions in access exclusive mode`;
		socket.write(`${head.join('\r\n')}\r\n\r\n`);
		await readers(sql, 'sessions', 1);
	});
	await readers(stage.sql, 'sessions', 0);
	await until(() => answer.startsWith('HTTP/1.1 100'), { what: 'the server asks for the body' });
	answer = '';
	socket.write(body.slice(0, 1));
	return async function finish() {
		socket.write(body.slice(1));
		await until(() => socket.closed, { what: 'the server has answered' });
		return Number(answer.split(' ')[1]);
	};
}

/** Resolves when so many statements of the test's database wait to read a table. */
const readers = (sql: ISql, table: string, count: number) =>
	until(async () => (await lockWaits(sql, table, 'AccessShareLock')) === count, {
		what: `${count} wait to read ${table}`
	});

const JSON_TYPE = 'application/json';
const FORM_TYPE = 'application/x-www-form-urlencoded';

it('a request whose body comes after the end of its session is refused', async () => {
	const app = await stage.app();
	const slow = await signUp(app, 'ada');
	const login = await fetch(`${app.url}/login`, form({ username: 'ada', password: PASSWORD }));
	const other = login.headers.getSetCookie().join(';');
	const finish = [
		await sendSlowly(app, slow, '/api/inbox', JSON_TYPE, '{"clearedUpTo":"1"}'),
		await sendSlowly(app, slow, '/api/chat', JSON_TYPE, '{"action":"reset"}'),
		await sendSlowly(app, slow, '/account?/others', FORM_TYPE, 'x=1')
	];
	const spared = await sendSlowly(app, other, '/api/inbox', JSON_TYPE, '{"clearedUpTo":"0"}');
	await fetch(`${app.url}/logout`, { ...form({}), headers: { cookie: slow } });
	// One after the other: a busy machine gives up what waits too long for the database.
	for (const end of finish) expect(await end()).toBe(401);
	expect(await spared()).toBe(200);
	expect(await stage.sql`select topic, data from events where topic in ('inbox', 'reset')`).toEqual(
		[{ topic: 'inbox', data: { clearedUpTo: '0' } }]
	);
	expect(await stage.sql`select from sessions`, 'the others have not been ended').toHaveLength(1);
});

it('what is found for a session that has ended meanwhile is not given out', async () => {
	const app = await stage.app();
	await signUp(app, 'ada');
	await stage.publish('notifications', 'one');
	/** @returns the status of two searches during which their session ends */
	const searchSlowly = async (): Promise<number[]> => {
		const login = await fetch(`${app.url}/login`, form({ username: 'ada', password: PASSWORD }));
		const cookie = login.headers.getSetCookie().join(';');
		const search = (method = 'GET') =>
			fetch(`${app.url}/log/events.json`, { method, headers: { cookie } });
		expect((await search()).status).toBe(200);
		let answers: Promise<Response>[] = [];
		await stage.sql.begin(async (sql) => {
			await sql`lock table events in access exclusive mode`;
			answers = [search(), search('HEAD')];
			await readers(sql, 'events', 2);
			const begun = performance.now();
			await fetch(`${app.url}/logout`, { ...form({}), headers: { cookie } });
			await until(() => performance.now() - begun > 600, { what: 'the search is slow' });
		});
		return (await Promise.all(answers)).map(({ status }) => status);
	};
	// A search that takes longer than four seconds is given up. On a busy machine, that may be before its session ends.
	const statuses = await until(
		async () => {
			const found = await searchSlowly();
			return !found.includes(503) && found;
		},
		{ what: 'no search is given up', timeoutMs: 40_000 }
	);
	expect(statuses).toEqual([401, 401]);
});
