/** Somebody, or NTP, sets the clock of a server while it runs. Nothing that lasts, or is due, depends on it. */
import { afterEach, expect, test, vi } from 'vitest';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { Writer } from '../../src/lib/server/log/append.ts';
import { createUser, type AppServer } from '../support/app-server.ts';
import { openScene, type Scene } from '../support/scene.ts';
import { until } from '../support/until.ts';
import { Visit } from '../presence/people.ts';

const HOUR = 3_600_000;
const LOBBY = 'lobbies/1';

let scene: Scene;
afterEach(async () => {
	vi.restoreAllMocks();
	await scene.close();
});

/** Of this process. The clocks of the database and of the test itself go on. */
function setClock(by: number): void {
	const now = Date.now.bind(Date);
	vi.spyOn(Date, 'now').mockImplementation(() => now() + by);
}

const sees = (visit: Visit, names: string) =>
	until(() => visit.names === names, { what: `it sees "${names}"`, timeoutMs: 2000 });

test('set back by an hour, people who come and go are seen at once, and the server ends in its time', async () => {
	scene = await openScene();
	const server = await scene.addServer();
	const { url } = scene.database;
	const [ann, bob] = await Promise.all([createUser(url, 'ann'), createUser(url, 'bob')]);
	const first = new Visit(server, ann, LOBBY);
	await sees(first, 'ann');
	setClock(-HOUR);
	const second = new Visit(server, bob, LOBBY);
	await sees(first, 'ann bob');
	second.close();
	await until(() => first.names === 'ann', { what: 'bob has gone', timeoutMs: 6000 });
	const begun = performance.now();
	await server.stop();
	expect(performance.now() - begun).toBeLessThan(5000);
	expect(first.client.ended).toBe(true);
});

test('set back by an hour, streams go on to get their keep-alives, and end at their maximum age', async () => {
	scene = await openScene({ keepAliveMs: 100, maxAgeMs: 2000 });
	const stream = scene.open('topics=a&client=x');
	await stream.caughtUp();
	setClock(-HOUR);
	const before = stream.of('keep-alive').length;
	await until(() => stream.of('keep-alive').length >= before + 3, {
		what: 'three keep-alives',
		timeoutMs: 1500
	});
	await stream.arrived('timeout', 3000);
});

test('set back by an hour, a client that takes nothing is disconnected all the same', async () => {
	scene = await openScene({ bufferBytes: 65_536, stallMs: 1500 });
	const stream = scene.open('topics=a&client=x');
	await stream.caughtUp();
	stream.pause();
	await scene.sql`
		insert into events (topic, data)
		select 'a', to_jsonb(repeat('x', 10000)) from generate_series(1, 2000)`;
	await until(() => scene.server.app.health().head === '2000', { what: 'the server has sent it' });
	setClock(-HOUR);
	await until(() => connectionsOf(scene.server) === 0, { what: 'it is disconnected' });
});

test('set back by an hour, an append that cannot be written ends in its time, and health tells the truth', async () => {
	scene = await openScene();
	const writer = new Writer(new SoleConnection(scene.database.url, { name: 'writer' }), {
		timeoutMs: 500
	});
	await scene.sql.unsafe(`
		create function refuse() returns trigger language plpgsql as
			$$ begin raise exception 'no' using errcode = '53100'; end $$;
		create trigger refuse before insert on append_batches for each row execute function refuse()`);
	try {
		const appended = writer.append([{ topic: 'a', userId: null, data: '1', key: null }]);
		const refused = expect(appended).rejects.toMatchObject({ status: 503 });
		setClock(-HOUR);
		const begun = performance.now();
		await refused;
		expect(performance.now() - begun).toBeLessThan(3000);
		await scene.sql`drop function refuse cascade`;
		const { health } = scene.server.app;
		await until(() => health().status === 'ok', { what: 'all is well' });
		expect(health().lagMs).toBeLessThan(5000);
	} finally {
		await writer.close();
	}
});

test('set forward by an hour, no stream ends, nothing counts as failed, and no append expires', async () => {
	scene = await openScene({ keepAliveMs: 100 });
	const stream = scene.open('topics=a&client=x');
	await stream.caughtUp();
	setClock(HOUR);
	expect(scene.server.app.health().status).toBe('ok');
	await scene.server.app.logline.append([{ topic: 'a', data: 1 }]);
	await stream.arrived('a');
	const before = stream.of('keep-alive').length;
	// Every sweep looks at what is due.
	await until(() => stream.of('keep-alive').length >= before + 5, { what: 'five keep-alives' });
	expect(stream.ended).toBe(false);
	expect(stream.of('timeout')).toEqual([]);
});

const connectionsOf = ({ app }: AppServer) => app.logline.parts.streams.connections.size;
