import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { PostgreSqlContainer } from '@testcontainers/postgresql';
import type { TestProject } from 'vitest/node';
import { migrate } from '../../drizzle/migrate.ts';
import { openClient } from '../../src/app/driver-client.ts';
import { describe } from '../../src/lib/server/database/address.ts';
import { prepareServers, startServer, sweepServers } from './private-server.ts';

declare module 'vitest' {
	interface ProvidedContext {
		/** `url`: superuser on the server of this run; `run`: prefix of every database it creates there. */
		testServer: { url: string; template: string; run: string };
	}
}

interface Server {
	url: string;
	what: string;
	stop(): Promise<unknown>;
}

interface Run {
	server: Server;
	/** Removes what the private servers of tests are copied from. */
	forget(): Promise<void>;
	provided: { url: string; template: string; run: string };
}

/** Each vitest project loads this file; all of them share one server. */
const shared = globalThis as { loglineTestRun?: { run: Promise<Run>; users: number } };

/** Starts one server for the run, with a migrated database that the test files clone. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
	const holder = (shared.loglineTestRun ??= { run: begin(), users: 0 });
	holder.users++;
	const { server, forget, provided } = await holder.run;
	project.provide('testServer', provided);
	return async () => {
		holder.users--;
		if (holder.users > 0) return;
		delete shared.loglineTestRun;
		await end(server, provided.run);
		await forget();
	};
}

async function begin(): Promise<Run> {
	await sweepServers();
	const forget = await prepareServers();
	const server = await chooseServer();
	const run = `logline_test_${randomBytes(4).toString('hex')}`;
	const template = `${run}_template`;
	try {
		console.log(`Tests run on ${server.what}`);
		await makeTemplate(server.url, template);
	} catch (error) {
		await end(server, run);
		await forget();
		throw error;
	}
	return { server, forget, provided: { url: server.url, template, run } };
}

async function end(server: Server, run: string): Promise<void> {
	try {
		await dropAll(server.url, run);
	} finally {
		await server.stop();
	}
}

async function chooseServer(): Promise<Server> {
	const given = process.env.TEST_DATABASE_URL;
	if (given) {
		return { url: given, what: `${describe(given)} (TEST_DATABASE_URL)`, stop: async () => {} };
	}
	if (await dockerAnswers()) {
		try {
			const container = await new PostgreSqlContainer('postgres:18-alpine')
				.withCommand(['postgres', '-c', 'fsync=off', '-c', 'max_connections=200'])
				.start();
			return {
				url: container.getConnectionUri(),
				what: 'PostgreSQL 18 in a container',
				stop: () => container.stop()
			};
		} catch (error) {
			// The engine cannot get the image. The embedded server is used instead, as the next line says.
			console.log(`The Docker engine cannot run postgres:18-alpine: ${String(error)}`);
		}
	}
	// The data is deleted after the run, so it need not be synced to disk.
	const embedded = await startServer({ fsync: 'off' }, { inMemory: true });
	return { url: embedded.url, what: 'an embedded PostgreSQL 18', stop: () => embedded.remove() };
}

async function makeTemplate(url: string, template: string): Promise<void> {
	const admin = openClient(url, { max: 1, name: 'test support' });
	try {
		await admin.unsafe(`create database ${template} template template0`);
		const templateUrl = new URL(url);
		templateUrl.pathname = `/${template}`;
		await migrate(templateUrl.href);
		// A database with connections cannot be cloned.
		await admin.unsafe(`alter database ${template} allow_connections false`);
	} finally {
		await admin.end({ timeout: 5 });
	}
}

async function dropAll(url: string, run: string): Promise<void> {
	const admin = openClient(url, { max: 1, name: 'test support' });
	try {
		const databases = await admin<{ name: string }[]>`
			select datname as name from pg_database where starts_with(datname, ${run})`;
		for (const { name } of databases) await admin.unsafe(`drop database ${name} with (force)`);
	} finally {
		await admin.end({ timeout: 5 });
	}
}

/** Asks the Docker engine, if there is a sign of one. It must be quick on machines without Docker. */
function dockerAnswers(): Promise<boolean> {
	const host = process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock';
	const address = host.startsWith('unix://')
		? { socketPath: host.slice('unix://'.length) }
		: { host: new URL(host).hostname, port: new URL(host).port || '2375' };
	return new Promise((resolve) => {
		const ping = request({ ...address, path: '/_ping', timeout: 1000 }, (response) => {
			response.resume();
			resolve(response.statusCode === 200);
		});
		ping.on('timeout', () => ping.destroy(new Error('timeout')));
		ping.on('error', () => resolve(false));
		ping.end();
	});
}
