import { beforeEach, describe, expect, it } from 'vitest';
import { MOST_ROWS, Older } from './older.svelte.ts';

/** Ids of the rows, newest first. */
let rows: string[];
let asked: URL[];
let answer: () => Promise<Response>;
let older: Older;

const event = (id: number) => ({ id: String(id), data: { n: id } });
const page = (from: number, to: number, oldest: number | null) => async () =>
	Response.json({
		events: Array.from({ length: from - to + 1 }, (_, i) => event(from - i)),
		oldest: oldest === null ? null : String(oldest)
	});

beforeEach(() => {
	rows = ['12', '11', '10'];
	asked = [];
	older = new Older({
		topic: 'logs',
		oldest: () => rows.at(-1) ?? null,
		count: () => rows.length,
		usual: 3,
		add: (events) => (rows = [...rows, ...events.map(({ id }) => id)]),
		fetch: (input) => {
			asked.push(new URL(String(input), 'http://localhost'));
			return answer();
		}
	});
});

describe('older rows', () => {
	it('come page by page, until the first event of the log is there', async () => {
		answer = page(9, 6, 5);
		await older.load();
		expect(asked[0]!.searchParams.get('before')).toBe('10');
		expect([rows.at(-1), older.more]).toEqual(['6', true]);
		answer = page(5, 5, 5);
		await older.load();
		expect([rows.at(-1), older.more]).toEqual(['5', false]);
		await older.load();
		expect(asked).toHaveLength(2);
	});

	it('are not asked for while the view has all there is, or as many as it keeps', async () => {
		rows = ['12'];
		await older.load();
		rows = Array.from({ length: MOST_ROWS }, (_, i) => String(90_000 - i));
		await older.load();
		expect([asked.length, older.more, older.full]).toEqual([0, false, true]);
	});

	it('are asked for once at a time', async () => {
		answer = page(9, 8, 1);
		await Promise.all([older.load(), older.load()]);
		expect(asked).toHaveLength(1);
		expect(rows).toEqual(['12', '11', '10', '9', '8']);
	});

	it('do not come back behind a hole when the view has dropped rows meanwhile', async () => {
		answer = async () => {
			rows = ['13', '12', '11'];
			return page(9, 8, 1)();
		};
		await older.load();
		expect(rows).toEqual(['13', '12', '11']);
		answer = page(10, 9, 1);
		await older.load();
		expect(rows).toEqual(['13', '12', '11', '10', '9']);
	});

	it('that cannot be loaded are told, and asked for again when the reader says so', async () => {
		answer = async () => new Response('', { status: 502 });
		await older.load();
		expect(older.problem).toBe('The older ones cannot be loaded.');
		answer = page(9, 9, 9);
		await older.load();
		expect(asked, 'not by scrolling').toHaveLength(1);
		await older.retry();
		expect([older.problem, rows.at(-1)]).toEqual([null, '9']);
	});

	it('are not there when the session has ended, and the reader is told so', async () => {
		answer = async () => new Response('', { status: 401 });
		await older.load();
		expect([older.problem, rows.length]).toEqual(['Your session has ended.', 3]);
	});

	it('that are no objects are left out', async () => {
		answer = async () =>
			Response.json({
				events: [{ id: '9', data: null, json: '{"deep":1}' }, { id: '8', data: 'text' }, event(7)],
				oldest: '1'
			});
		await older.load();
		expect(rows.slice(3)).toEqual(['9', '7']);
	});
});
