import { readState } from '../support/app-server.ts';
/**
 * An application in its own process, which the checker can kill: the stream endpoint, and routes that append through the
 * application or return the first state of a page. Started by apps.ts, to which it reports when it serves.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { startApp, type App } from '../../src/app/app.ts';
import { loadConfig } from '../../src/app/config.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { waitForDatabase } from '../../src/lib/server/database/wait.ts';
import { errorResponse } from '../../src/lib/server/index.ts';
import type { NewEvent } from '../../src/lib/server/log/types.ts';
import { endWithProcess } from '../../src/app/process.ts';
import { sql } from 'drizzle-orm';
import { answerStream } from '../../src/http/door.ts';
import { GRACE_MS, KEEP_ALIVE_MS, STALL_MS } from './timing.ts';
import { FAT, topicsAnd } from './topics.ts';

class RolledBack extends Error {}

async function main(): Promise<void> {
	const url = process.env.DATABASE_URL ?? '';
	const port = Number(process.env.PORT);
	// The parent process has died, so nobody would end this one.
	process.on('disconnect', () => process.exit(1));

	const probe = new SoleConnection(url, { name: 'checker start' });
	await waitForDatabase(probe, url, 60_000);
	await probe.end();

	const config = {
		...loadConfig({ LOG_LEVEL: process.env.LOG_LEVEL ?? 'error', DEMO: '0' }),
		keepAliveMs: KEEP_ALIVE_MS,
		retryMs: 50,
		maxAgeMs: 20_000,
		maxConnectionsPerUser: 100,
		bufferBytes: 16_384,
		stallMs: STALL_MS,
		shutdownGraceMs: GRACE_MS
	};
	const app = await startApp(config, url, topicsAnd(FAT, process.env.OWN_TOPIC ?? 'own'));
	const server = createServer((request, response) => {
		answer(app, request, response).catch((error: unknown) => {
			console.error('a request failed:', error);
			if (response.headersSent) response.destroy();
			else response.writeHead(500).end('{}');
		});
	});
	await new Promise<void>((resolve, reject) => {
		server.once('error', reject);
		server.listen(port, '127.0.0.1', resolve);
	});
	endWithProcess(GRACE_MS, async () => {
		await app.stop();
		server.close();
		server.closeAllConnections();
	});
	process.send?.('ready');
}

async function answer(app: App, request: IncomingMessage, response: ServerResponse): Promise<void> {
	const url = new URL(request.url ?? '/', 'http://localhost');
	// Use each connection once: a pool with half-dead connections would be a problem of the test's client.
	response.setHeader('connection', 'close');
	if (url.pathname === '/api/events') return answerStream(() => app, request, response);
	let result: Response;
	try {
		const end = app.logline.begin();
		try {
			result = Response.json(await work(app, url, await bodyOf(request)));
		} finally {
			end();
		}
	} catch (error) {
		result = errorResponse(error);
	}
	response.writeHead(result.status, { 'content-type': 'application/json' });
	response.end(await result.text());
}

async function work(app: App, url: URL, body: string): Promise<unknown> {
	if (url.pathname === '/health') return app.health();
	if (url.pathname === '/append') return app.logline.append(JSON.parse(body) as NewEvent[]);
	if (url.pathname === '/transaction') return transaction(app, JSON.parse(body) as Transaction);
	if (url.pathname === '/page') {
		const viewer = { id: url.searchParams.get('user') ?? '' };
		return readState(app, viewer, url.searchParams.getAll('topics'));
	}
	throw new Error(`There is no ${url.pathname}`);
}

interface Transaction {
	events: NewEvent[];
	/** Rows of another table, written in the same transaction. */
	tags: string[];
	rollback: boolean;
	/** How long the transaction stays open, in milliseconds. */
	holdMs: number;
}

async function transaction(app: App, { events, tags, rollback, holdMs }: Transaction) {
	try {
		await app.database.db.transaction(async (tx) => {
			for (const tag of tags) {
				await tx.execute(sql`insert into checker_business (tag) values (${tag})`);
			}
			await app.logline.append(events, tx);
			await new Promise((resolve) => setTimeout(resolve, holdMs));
			if (rollback) throw new RolledBack();
		});
	} catch (error) {
		if (error instanceof RolledBack) return { committed: false };
		throw error;
	}
	app.logline.kickOutbox();
	return { committed: true };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
	let text = '';
	request.setEncoding('utf8');
	for await (const part of request) text += String(part);
	return text;
}

main().catch((error: unknown) => {
	console.error(error);
	process.exit(1);
});
