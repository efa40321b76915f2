import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { startApp, type App } from '$src/app/app.ts';
import { loadConfig } from '$src/app/config.ts';
import { TEST_TOPICS } from '../../../tests/support/app-server.ts';
import { createTestDatabase, type TestDatabase } from '../../../tests/support/database.ts';
import { until } from '../../../tests/support/until.ts';
import { sign, start } from './start.server.ts';

const SECRET = 'a secret of the test';

let database: TestDatabase;
let app: App | undefined;
let server: Server;
afterEach(async () => {
	await app?.stop();
	server.closeAllConnections();
	await new Promise((resolve) => server.close(resolve));
	await database.drop();
});

test('each event is sent signed, in order, and again when it is not accepted; the others do not wait', async () => {
	const got: { headers: IncomingHttpHeaders; body: string }[] = [];
	let refused = false;
	server = createServer((request, response) => {
		let body = '';
		request.on('data', (part: Buffer) => (body += part.toString()));
		request.on('end', () => {
			const refuse = body.includes('two') && !refused;
			refused ||= refuse;
			if (!refuse) got.push({ headers: request.headers, body });
			response.writeHead(refuse ? 503 : 204).end();
		});
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
	database = await createTestDatabase();
	const env = { WEBHOOK_URL: url, WEBHOOK_SECRET: SECRET, WEBHOOK_TOPICS: 'a, b' };
	const config = loadConfig({ LOG_LEVEL: 'silent', DEMO: '0', ...env });
	app = await startApp(config, database.url, TEST_TOPICS, [start]);
	const { pool } = app.database;
	await until(async () => (await pool.query('SELECT FROM consumers', [])).length > 0);
	for (const [topic, data] of [
		['a', 'one'],
		['b', 'two'],
		['c', 'none'],
		['a', 'three']
	] as const) {
		await app.logline.append([{ topic, data }]);
	}
	await until(() => got.length === 3, { what: 'all have arrived' });
	expect(got.map(({ body }) => (JSON.parse(body) as { data: unknown }).data)).toEqual([
		'one',
		'three',
		'two'
	]);
	for (const { headers, body } of got) {
		const { id } = JSON.parse(body) as { id: string };
		expect(headers['webhook-id']).toBe(id);
		expect(headers['webhook-signature']).toBe(`sha256=${sign(SECRET, id, body)}`);
	}
});
