import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createLogline, type Logline } from 'logline/server';
import { topics as logs } from '$src/features/logs/topics.ts';
import { topics as notifications } from '$src/features/notifications/topics.ts';
import { loadConfig } from '$src/app/config.ts';
import { createLogger } from '$src/app/logger.ts';
import { createTestDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { until } from '../../../../tests/support/until.ts';
import { readPublicLines } from './public-log.server.ts';

let database: TestDatabase;
let logline: Logline;

beforeEach(async () => {
	database = await createTestDatabase();
	const topics = { ...logs, ...notifications };
	const { logger } = createLogger('silent');
	logline = createLogline({ url: database.url, topics, migrate: false, logger });
	await logline.start();
});

afterEach(async () => {
	await logline.stop();
	await database.drop();
});

const config = (demo: '0' | '1') => loadConfig({ DEMO: demo });
const notify = (message: string, userID?: string) =>
	logline.emit({
		event: 'notifications',
		userID,
		data: { id: message, type: 'info', message, timestamp: new Date().toISOString() }
	});

it('a thousand visitors cost Postgres one look a second', async () => {
	const history = vi.spyOn(logline, 'history');
	await notify('first');
	const visit = async () => {
		const lines = await readPublicLines({ config: config('1'), logline });
		return lines.map(({ text }) => text);
	};
	const all = await Promise.all(Array.from({ length: 1000 }, visit));
	expect(all.every(([newest]) => newest === 'first')).toBe(true);
	expect(history, 'one for each topic').toHaveBeenCalledTimes(2);
	await notify('second');
	await until(async () => (await visit())[0] === 'second');
	expect(history).toHaveBeenCalledTimes(4);
});

it('only events for everyone are public, whoever else there is', async () => {
	await notify('for all');
	await notify('for Ada', 'ada');
	const lines = await readPublicLines({ config: config('1'), logline });
	expect(lines.map(({ text }) => text)).toEqual(['for all']);
	expect(() => readPublicLines({ config: config('0'), logline })).toThrow(
		expect.objectContaining({ code: 'not_public', status: 404 }) as Error
	);
});

it('an event that anybody has published with whatever in it is a line all the same', async () => {
	await logline.parts.background.query(
		`INSERT INTO events (topic, data) VALUES ('logs', '"text"'), ('logs', 'null'), ('logs', '[1]'),
			('logs', '{"message": {"a": 1}, "level": "__proto__"}')`,
		[]
	);
	const lines = await readPublicLines({ config: config('1'), logline });
	expect(lines.map(({ text, tone }) => [text, tone])).toEqual(Array(4).fill(['', 'muted']));
});
