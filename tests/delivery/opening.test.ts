/**
 * What can end a stream while it is still opening. The test stops the opening at each answer of Postgres that it waits for.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSession } from '../support/app-server.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { openScene, type Scene } from '../support/scene.ts';
import { StreamClient } from '../support/stream-client.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let proxy: Proxy;
let scene: Scene;

beforeEach(async () => {
	database = await createTestDatabase();
	proxy = await startProxy(Number(new URL(database.url).port));
});

afterEach(async () => {
	proxy.release();
	await scene.close();
	await proxy.close();
	await database.drop();
});

async function openBehindProxy(config: Parameters<typeof openScene>[0] = {}): Promise<void> {
	const url = new URL(database.url);
	url.hostname = '127.0.0.1';
	url.port = String(proxy.port);
	scene = await openScene(config, { url: url.href });
	await scene.insert('a', 1, 2, 3);
	await scene.insert('b', 4);
}

/** All connections of the server, except the ones for notifications and for new events. */
const opening = (first: string) => /logline (?!listener|tailer|test)/.test(first);

/** Each makes the opening wait for a different step. */
const WAYS = {
	'that begins': 'topics=a&topics=recent',
	'that adds a topic': 'topics=a&topics=b@1&lastEventID=2',
	'whose cursor is not of this log': 'topics=a&topics=b&lastEventID=999999999'
};

/** Opens a stream in its own session, and calls `meanwhile` while the stream is stopped at each answer that it waits for. */
async function atEachWait(
	query: string,
	meanwhile: (
		client: StreamClient,
		session: { sessionID: string; cookie: string },
		wait: number
	) => Promise<void>,
	options: { least?: number; lasts?: string } = {}
): Promise<void> {
	for (let wait = 0; ; wait++) {
		const session = await createSession(database.url, scene.user.id);
		await scene.sql`
			update sessions set expires_at = now() + ${options.lasts ?? '1 day'}::interval where id = ${session.sessionID}`;
		proxy.hold(wait, opening);
		const client = new StreamClient(scene.server.stream(`${query}&client=w${wait}`), {
			cookie: session.cookie
		});
		try {
			await until(() => proxy.holding || client.of('caught-up').length > 0);
			const held = proxy.holding;
			if (held) await meanwhile(client, session, wait);
			proxy.release();
			if (!held) {
				expect(wait).toBeGreaterThanOrEqual(options.least ?? 3);
				return;
			}
		} finally {
			client.close();
		}
	}
}

async function insertSecret(secret: string): Promise<void> {
	await scene.sql`
		insert into events (topic, user_id, data) values ('a', ${scene.user.id}, to_jsonb(${secret}::text))`;
}

describe('whoever signs out while a stream opens', () => {
	test.each(Object.entries(WAYS))(
		'gets no private event on one %s, wherever it stands',
		async (_, query) => {
			await openBehindProxy({ maxConnectionsPerUser: 100 });
			const witness = scene.open('topics=a&client=witness');
			await witness.caughtUp();
			await atEachWait(query, async (client, session, wait) => {
				await scene.sql`delete from sessions where id = ${session.sessionID}`;
				// It gets the response at once, before Postgres has answered.
				await until(() => client.ended, { timeoutMs: 2000, what: 'the request is answered' });
				proxy.release();
				await insertSecret(`secret ${wait}`);
				await until(() => witness.data('a').includes(`secret ${wait}`));
				expect(client.data('a')).not.toContain(`secret ${wait}`);
				const told = client.status === 401 || client.of('signed-out').length === 1;
				expect(told).toBe(true);
			});
		}
	);

	test('gets no private event when nobody listened at that moment', async () => {
		await openBehindProxy({ maxConnectionsPerUser: 100 });
		const witness = scene.open('topics=a&client=witness');
		await witness.caughtUp();
		await atEachWait('topics=a&topics=recent', async (client, session, wait) => {
			// When the listener reconnects, it finds that its session is gone.
			await scene.sql`
				select pg_terminate_backend(pid, 5000) from pg_stat_activity
				where datname = current_database() and application_name = 'logline listener'`;
			await scene.sql`delete from sessions where id = ${session.sessionID}`;
			proxy.release();
			await until(() => client.ended, { what: 'the stream has ended' });
			await insertSecret(`secret ${wait}`);
			await until(() => witness.data('a').includes(`secret ${wait}`));
			expect(client.data('a')).not.toContain(`secret ${wait}`);
		});
	});

	test('is told so by "signed-out" when the page said whose it is', async () => {
		await openBehindProxy();
		const query = `topics=a&user=${scene.user.id}&lastEventID=2`;
		const ended = async (client: StreamClient, session: { sessionID: string }) => {
			await scene.sql`delete from sessions where id = ${session.sessionID}`;
			await until(() => client.ended);
			expect(client.data('signed-out')).toEqual([{ reason: 'The session has ended.' }]);
		};
		await atEachWait(query, ended, { least: 2 });
	});
});

test('a session whose time runs out while its stream opens does not outlive it', async () => {
	await openBehindProxy({ keepAliveMs: 80, maxConnectionsPerUser: 100 });
	const outlived = async (client: StreamClient, session: { sessionID: string }) => {
		await until(async () => {
			const [row] = await scene.sql`
				select expires_at <= now() as over from sessions where id = ${session.sessionID}`;
			return row!.over as boolean;
		});
		proxy.release();
		await until(() => client.ended);
	};
	await atEachWait('topics=a&topics=recent', outlived, { lasts: '1 second' });
});

test.each(["update sessions set expires_at = now() where id = '$'", 'truncate sessions cascade'])(
	'a stream ends with its session, however that ends: %s',
	async (statement) => {
		await openBehindProxy();
		const client = scene.open('topics=a');
		await client.caughtUp();
		await scene.sql.unsafe(statement.replace('$', scene.user.sessionID));
		await client.arrived('signed-out');
		await until(() => client.ended);
	}
);

test('a client that goes while its stream opens leaves its place to others at once', async () => {
	await openBehindProxy({ maxConnectionsPerUser: 1 });
	await atEachWait('topics=a&topics=recent', async (client) => {
		const { connections } = scene.server.app.logline.parts.streams;
		expect(connections.size).toBe(1);
		client.close();
		await until(() => connections.size === 0, { timeoutMs: 2000 });
	});
});

test('a thousand requests at once get no further than the limit', async () => {
	await openBehindProxy({ maxConnectionsPerUser: 3 });
	const { connections } = scene.server.app.logline.parts.streams;
	proxy.hold(0, opening);
	const clients = Array.from({ length: 1000 }, (_, i) => scene.open(`topics=a&client=c${i}`));
	let most = 0;
	// Most are refused while Postgres does not answer. The few that have a place may get the database error instead.
	const answered = () => {
		most = Math.max(most, connections.size);
		return clients.filter(({ status }) => status !== 0).length >= 997;
	};
	await until(answered, { timeoutMs: 30_000 });
	expect(most).toBe(3);
	expect(clients.filter(({ status }) => status === 429).length).toBeGreaterThan(900);
});

test('while it drains, a server refuses what is opening at once', async () => {
	await openBehindProxy();
	proxy.hold(0, opening);
	const client = scene.open('topics=a');
	await until(() => proxy.holding);
	const stopped = scene.server.app.stop();
	await until(() => client.ended, { timeoutMs: 2000 });
	expect(client.status).toBe(503);
	expect(client.body).toContain('draining');
	proxy.release();
	await stopped;
});
