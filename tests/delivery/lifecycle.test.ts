/** Start and stop of the library, in any order. That nothing is left behind is checked after each file (support/setup.ts). */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLogline, type Logline } from '../../src/lib/server/index.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { TEST_TOPICS } from '../support/app-server.ts';

let database: TestDatabase;
let logline: Logline;

beforeEach(async () => {
	database = await createTestDatabase();
	logline = createLogline({ url: database.url, topics: TEST_TOPICS });
});
afterEach(async () => {
	await logline.stop();
	await database.drop();
});

const emit = () => logline.append([{ topic: 'a', data: 1 }]);

test('a stop while it starts ends what has been started', async () => {
	const starting = logline.start();
	await logline.stop();
	await starting;
	await expect(emit()).rejects.toMatchObject({ code: 'draining' });
});

test('a second start is the first one', async () => {
	await Promise.all([logline.start(), logline.start()]);
	expect(await emit()).toHaveLength(1);
});

test('a start that failed can be tried again', async () => {
	const url = new URL(database.url);
	url.password = 'wrong';
	url.username = 'nobody_here';
	const refused = createLogline({ url: url.href, topics: TEST_TOPICS });
	await expect(refused.start()).rejects.toThrow();
	await expect(refused.start()).rejects.toThrow();
	await refused.stop();
	await logline.start();
	expect(await emit()).toHaveLength(1);
});

test('what was stopped does not start again', async () => {
	await logline.start();
	await logline.stop();
	await expect(logline.start()).rejects.toMatchObject({ code: 'draining' });
	await expect(emit()).rejects.toMatchObject({ code: 'draining' });
});
