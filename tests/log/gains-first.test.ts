/** What is appended after a grant has committed comes after it in the log, with or without a relay. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { declareTopics } from '../../src/lib/server/log/declarations.ts';
import { TEST_TOPICS } from '../support/app-server.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let sql: Sql;
beforeEach(async () => {
	database = await createTestDatabase();
	const connection = new SoleConnection(database.url, { name: 'declare' });
	await declareTopics(connection, TEST_TOPICS);
	await connection.end();
	sql = openClient(database.url, { max: 2, name: 'gains first test' });
});
afterEach(async () => {
	await sql.end();
	await database.drop();
});

const CLUB = 'clubs/1/news';
const grant = (on: Sql = sql) => on`insert into grants (scope, user_id) values ('clubs/1', 'ann')`;
const direct = (topic: string, text: string) =>
	sql`insert into events (topic, data) values (${topic}, ${sql.json(text)})`;
const later = (on: Sql, topic: string, text: string, key: string | null = null) =>
	on`insert into outbox (topic, data, key) values (${topic}, ${on.json(text)}, ${key})`;

/** The log, in order: the texts, and `+` for a grant. */
const log = async () =>
	(
		await sql<{ text: string }[]>`
		select case topic when '$granted' then '+' else data #>> '{}' end as text from events order by id`
	).map(({ text }) => text);

describe('where no relay runs', () => {
	test.for<[string, (text: string) => Promise<unknown>]>([
		['INSERT INTO events', (text) => direct(CLUB, text)],
		['logline_emit()', (text) => sql`select logline_emit(${CLUB}, ${sql.json(text)})`],
		[
			'a server',
			(text) =>
				sql`select logline_append(null, ${[CLUB]}, array[null], array[${sql.json(text)}::jsonb])`
		]
	])('what is appended by %s after a grant comes after it', async ([, append]) => {
		await append('before');
		await grant();
		await append('after');
		expect(await log()).toEqual(['before', '+', 'after']);
		const [row] = await sql`select logline_granted_since('ann', array['clubs/1'])::int as id`;
		expect(row).toEqual({ id: 2 });
	});

	test('what stands before and after the grant in its transaction keeps its place', async () => {
		await sql.begin(async (tx) => {
			const on = tx as unknown as Sql;
			await later(on, CLUB, 'before');
			await grant(on);
			await later(on, CLUB, 'after');
		});
		await sql.begin(async (tx) => {
			await tx`insert into events (topic, data) values (${CLUB}, '"direct"')`;
			await tx`insert into events (topic, data) values ('a', '"in the same transaction"')`;
		});
		expect(await log()).toEqual(['before', '+', 'after', 'direct', 'in the same transaction']);
	});

	test('a key that has waited behind the grant is known to who appends it again', async () => {
		await grant();
		await later(sql, CLUB, 'first', 'k');
		const [row] = await sql`
			select appended from logline_append(null, ${[CLUB]}, array[null], array['"again"'::jsonb], array['k'])`;
		expect(row).toEqual({ appended: [false] });
		expect(await log()).toEqual(['+', 'first']);
	});
});

describe('while grants wait that cannot be noted at once', () => {
	const waits = async () => {
		await expect(direct(CLUB, 'too early')).rejects.toMatchObject({
			code: '55P03',
			message: 'grants are being noted, which concern a topic of this event'
		});
		// Others do not wait: their history does not begin with a grant, or with another one.
		await direct('a', 'elsewhere');
		await direct('rooms/1/messages', 'elsewhere');
		await direct('clubs/2/news', 'elsewhere');
	};

	test('because the outbox is long: what they concern is refused until the relay has moved it', async () => {
		await grant();
		await sql`insert into outbox (topic, data) select 'a', '"much"' from generate_series(1, 500)`;
		await waits();
		await sql`select logline_relay()`;
		await direct(CLUB, 'after');
		const all = await log();
		expect(all.indexOf('+')).toBeLessThan(all.indexOf('after'));
		expect(all).not.toContain('too early');
	});

	test('because the log refuses a row before them: what they concern is refused until the relay has set it aside', async () => {
		await sql.unsafe(`create function refuse() returns trigger language plpgsql as
			$$ begin if new.topic = 'b' then raise exception 'not this one'; end if; return new; end $$;
			create trigger refuse before insert on events for each row execute function refuse()`);
		await later(sql, 'b', 'poison');
		await grant();
		await waits();
		await sql`select logline_relay(null, 1)`;
		await direct(CLUB, 'after');
		expect((await log()).slice(-2)).toEqual(['+', 'after']);
		expect(await sql`select topic from dead_letters`).toMatchObject([{ topic: 'b' }]);
	});
});
