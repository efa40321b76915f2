import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { initialChat, reduceChat, type ChatEvent } from './reducer.ts';
import { said, wholeStory } from './stage.ts';
import { openDatabase, type Database } from '$src/app/database.ts';
import { bundled } from '../../../tests/support/bundled-program.ts';
import { createTestDatabase, type TestDatabase } from '../../../tests/support/database.ts';
import { addUser } from '../../../tests/support/feature-app.ts';
import { until } from '../../../tests/support/until.ts';
import { sqlOn } from '../../../tests/support/queryable.ts';

const PROCESS = 'src/features/chat/story-process.ts';

let database: TestDatabase;
let connections: Database;
const running = new Set<ChildProcess>();

afterEach(async () => {
	for (const child of running) await kill(child);
	await connections.end();
	await database.drop();
});

async function kill(child: ChildProcess): Promise<void> {
	if (child.exitCode !== null || child.signalCode !== null) return;
	const gone = once(child, 'exit');
	child.kill('SIGKILL');
	await gone;
	running.delete(child);
}

test('a server is killed with -9 again and again: the story is told to its end, every line once', async () => {
	database = await createTestDatabase();
	connections = openDatabase(database.url, { max: 1 });
	const ada = await addUser(connections, 'ada');
	const events = async () => [
		...(await sqlOn(connections)<ChatEvent[]>`
			select topic, data from events where user_id = ${ada.id} order by id`)
	];

	const program = await bundled(PROCESS);
	const startServer = () => {
		const child = spawn(process.execPath, [program, database.url, ada.id, ada.name], {
			stdio: ['ignore', 'ignore', 'inherit']
		});
		running.add(child);
		return child;
	};
	/** Each server is killed after another number of events, so at different places in a statement. */
	for (const further of [1, 5, 2, 9, 4]) {
		const before = (await events()).length;
		const child = startServer();
		await until(async () => (await events()).length >= before + further, {
			timeoutMs: 20_000,
			everyMs: 1
		});
		await kill(child);
	}
	expect((await events()).reduce(reduceChat, initialChat).ended).toBe(false);
	startServer();
	await until(async () => (await events()).reduce(reduceChat, initialChat).ended, {
		timeoutMs: 20_000
	});
	expect(said(await events())).toEqual(wholeStory('ada'));
});
