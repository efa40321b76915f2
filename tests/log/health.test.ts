/** Health reports a problem before events are affected: from memory, at once, with or without traffic. */
import { afterEach, expect, test } from 'vitest';
import { loadConfig } from '../../src/app/config.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { Writer } from '../../src/lib/server/log/append.ts';
import { startApp, type StartFeature } from '../../src/app/app.ts';
import { TEST_TOPICS } from '../support/app-server.ts';
import { openScene, type Scene } from '../support/scene.ts';
import { until } from '../support/until.ts';

let scene: Scene;
afterEach(() => scene.close());

const health = () => scene.server.app.health();
const becomes = (status: 'ok' | 'degraded', timeoutMs = 20_000) =>
	until(() => health().status === status, { what: `health is ${status}`, timeoutMs });

/** Ends the connections of all others, as when a database is switched. */
const reconnect = () => scene.sql`
	select pg_terminate_backend(pid) from pg_stat_activity
	where datname = current_database() and pid <> pg_backend_pid() and application_name <> 'logline test sql'`;

/** Makes every write to a table fail with this code. */
async function refuse(table: string, event: string, code: string): Promise<void> {
	await scene.sql.unsafe(`
		create function refuse() returns trigger language plpgsql as
			$$ begin raise exception 'no' using errcode = '${code}'; end $$;
		create trigger refuse before ${event} on ${table} for each row execute function refuse()`);
}
const allow = () => scene.sql.unsafe('drop function refuse cascade');

test('an idle log is ok, and nothing fails', async () => {
	scene = await openScene();
	await becomes('ok');
	const [row] = await scene.sql`select epoch::text from log_state`;
	expect(health()).toMatchObject({
		log: row!.epoch,
		database: 'up',
		listener: 'up',
		lastAppend: 'ok',
		failing: []
	});
	await until(() => (health().partitionsLeft ?? 0) >= 2);
	expect(health().outboxLagMs).toBeLessThan(5000);
});

test('a database that has become read-only is degraded without anybody writing, and ok again afterwards', async () => {
	scene = await openScene();
	await becomes('ok');
	const { name } = scene.database;
	await scene.sql.unsafe(`alter database ${name} set default_transaction_read_only = on`);
	await reconnect();
	await becomes('degraded');
	await until(() => health().lastAppend === 'failing');
	await scene.sql.unsafe(
		`set default_transaction_read_only = off; alter database ${name} reset default_transaction_read_only`
	);
	// Connections that were made meanwhile notice it by themselves.
	await becomes('ok');
});

test('an open transaction that holds the log is degraded, and ok when it is over', async () => {
	scene = await openScene();
	await becomes('ok');
	await scene.sql.begin(async (tx) => {
		await tx`set local logline.hold_ms = 0`;
		await tx`insert into events (topic, data) values ('a', '1')`;
		await becomes('degraded');
		expect(health()).toMatchObject({ database: 'up', lastAppend: 'failing', failing: ['relay'] });
	});
	await becomes('ok');
});

test('an outbox that cannot be moved is degraded, and its lag tells since when', async () => {
	scene = await openScene();
	await becomes('ok');
	await refuse('outbox', 'delete', 'XX000');
	await scene.sql`insert into outbox (topic, data) values ('a', '1')`;
	await becomes('degraded');
	await until(() => health().outboxLagMs > 2000);
	await allow();
	await becomes('ok');
	expect(health().outboxLagMs).toBeLessThan(5000);
});

test('a full disk is degraded from the first append that meets it until one succeeds', async () => {
	scene = await openScene();
	await becomes('ok');
	await refuse('append_batches', 'insert', '53100');
	const appended = scene.server.app.logline.append([{ topic: 'a', data: 1 }]);
	await becomes('degraded');
	expect(health()).toMatchObject({ lastAppend: 'failing', failing: ['writer'] });
	await allow();
	await appended;
	await becomes('ok');
});

test('an append that fails whatever it contains is degraded at once, and one that is refused for its data is not', async () => {
	scene = await openScene();
	await becomes('ok');
	const { logline } = scene.server.app;
	await scene.sql`alter function logline_append rename to not_there`;
	const failed = logline.append([{ topic: 'a', data: 1 }]);
	await expect(failed).rejects.toMatchObject({ code: '42883' });
	expect(health()).toMatchObject({
		status: 'degraded',
		lastAppend: 'failing',
		failing: ['writer']
	});
	await scene.sql`alter function not_there rename to logline_append`;
	await logline.append([{ topic: 'a', data: 1 }]);
	await becomes('ok');
	await scene.sql`alter table events add constraint small check (size < 100) not valid`;
	const refused = logline.append([{ topic: 'a', data: 'x'.repeat(200) }]);
	await expect(refused).rejects.toMatchObject({ code: '23514' });
	await scene.sql.unsafe(`create function refuse_one() returns trigger language plpgsql as
		$$ begin if new.data = '"odd"' then raise exception 'not this one'; end if; return new; end $$;
		create trigger refuse_one before insert on events for each row execute function refuse_one()`);
	const odd = logline.append([{ topic: 'a', data: 'odd' }]);
	await expect(odd).rejects.toMatchObject({ code: 'P0001' });
	expect(health()).toMatchObject({ status: 'ok', lastAppend: 'ok' });
});

test('presence, markers and signals that fail are named, so that an operator learns of it before people do', async () => {
	scene = await openScene();
	await becomes('ok');
	const client = scene.open('topics=a&presence=lobbies/1');
	await client.caughtUp();
	const fails = (...parts: string[]) =>
		until(() => parts.every((part) => health().failing.includes(part)), {
			what: `${parts.join(' and ')} fail`
		});
	const rename = (from: string, to: string) =>
		scene.sql.unsafe(`alter table ${from} rename to ${to}`);
	await rename('presence', 'gone_presence');
	await rename('read_markers', 'gone_markers');
	await scene.sql`select pg_notify('logline_read', '')`;
	await fails('presence', 'markers');
	expect(health()).toMatchObject({ status: 'ok', failing: ['markers', 'presence'] });
	await rename('gone_presence', 'presence');
	await rename('gone_markers', 'read_markers');
	await until(() => health().failing.length === 0, { what: 'nothing fails' });
	// Signals need what the log itself needs.
	await rename('log_state', 'gone_state');
	await scene.server.app.logline.signal({ event: 'pointers' as never, data: 1 as never });
	await fails('signals');
	await rename('gone_state', 'log_state');
	await until(() => health().failing.length === 0, { what: 'nothing fails' });
});

test('a log that could not be written is tried again without traffic, so that health comes back', async () => {
	scene = await openScene();
	await refuse('append_batches', 'insert', '53100');
	const connection = new SoleConnection(scene.database.url, { name: 'writer' });
	const lines: string[] = [];
	const tell = (_: unknown, line: string) => void lines.push(line);
	const logger = { warn: tell, info: tell } as never;
	const writer = new Writer(connection, { timeoutMs: 100, logger });
	try {
		const event = { topic: 'a', userId: null, data: '1', key: null };
		// The code depends on whether an attempt is running when the time is over.
		await expect(writer.append([event])).rejects.toMatchObject({
			code: expect.stringMatching(/^(append_timeout|log_unavailable)$/) as string
		});
		await writer.probe();
		expect(writer.failing).toBe(true);
		await allow();
		// The running attempt must end first.
		await until(() => writer.probe().then(() => !writer.failing));
		expect(lines).toEqual(['the log cannot be written; trying again', 'the log is written again']);
	} finally {
		await writer.close();
	}
});

test('a job that fails is named, and the server still takes streams', async () => {
	scene = await openScene();
	await scene.sql`alter table append_batches rename to elsewhere`;
	const server = await scene.addServer();
	await until(() => server.app.health().failing.includes('answers'));
	expect(server.app.health().status).toBe('ok');
	await scene.sql`alter table elsewhere rename to append_batches`;
	await until(() => server.app.health().failing.length === 0);
});

/** Starts an application that has only features. */
const startWith = (...features: StartFeature[]) =>
	startApp(
		loadConfig({ LOG_LEVEL: 'silent', DEMO: '0' }),
		scene.database.url,
		TEST_TOPICS,
		features
	);
const written = async () => (await scene.sql`select data from events where topic = 'a'`).length;

test('what is in the queue is written when the server stops, though a feature fails and another never ends', async () => {
	scene = await openScene();
	let appended: Promise<unknown> | undefined;
	const app = await startWith(
		() => () => Promise.reject(new Error('a feature failed')),
		() => () => new Promise(() => {}),
		(app) => () => {
			appended = app.logline.append([{ topic: 'a', data: 1 }]);
		}
	);
	await expect(app.stop()).rejects.toThrow('has not ended within');
	await appended;
	expect(await written()).toBe(1);
});

test('a feature that fails to start leaves nothing behind', async () => {
	scene = await openScene();
	let ended = false;
	const start = startWith(
		() => () => void (ended = true),
		() => {
			throw new Error('no start');
		}
	);
	await expect(start).rejects.toThrow('no start');
	expect(ended).toBe(true);
});
