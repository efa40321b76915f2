/** A server compares all followed tables with their grants: what keeps one from it keeps no other, and is told. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Sql } from '../../src/app/driver-client.ts';
import type { Queryable } from '../../src/lib/server/database/queryable.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { createLogline, type Logger } from '../../src/lib/server/index.ts';
import { sweepMirrors } from '../../src/lib/server/log/grants/sweep.ts';
import { Trouble } from '../../src/lib/server/work/trouble.ts';
import { TEST_TOPICS } from '../support/app-server.ts';
import { openFollowedTables, type FollowedTables } from '../support/followed-tables.ts';
import { until } from '../support/until.ts';

let tables: FollowedTables;
let sql: Sql;
let connection: SoleConnection;
let lines: string[];
let logger: Logger;

beforeAll(async () => {
	tables = await openFollowedTables(`drop table if exists members, guests, visitors;
		create table members (room text, user_id text, unique (room, user_id));
		create table guests (room text, user_id text, unique (room, user_id));
		create table visitors (room text, user_id text, unique (room, user_id))`);
	sql = tables.sql;
	connection = new SoleConnection(tables.url, { name: 'sweep' });
});
afterAll(async () => {
	await connection.end();
	await tables.close();
});
beforeEach(async () => {
	await tables.reset();
	for (const table of ['guests', 'members', 'visitors']) {
		await tables.follow(`rooms/{room}`, table);
		await tables.join(table, 'ann', table);
	}
	lines = [];
	const note = (about: unknown, line?: string) => {
		const { err } = about as { err?: Error };
		lines.push([line, err?.message].join(': '));
	};
	logger = { debug: () => {}, info: note, warn: note, error: note, child: () => logger };
});

const ALL = ['rooms/guests ann', 'rooms/members ann', 'rooms/visitors ann'];
const unseen = (table: string, statement: string) =>
	sql.unsafe(`alter table ${table} disable trigger user; ${statement};
		alter table ${table} enable trigger user`);
const newTrouble = () => new Trouble(logger, { lasts: 'they differ', over: 'they are the same' });
const { signal } = new AbortController();

test('a server compares the tables when it starts, and says of all that it cannot compare why, and the others are compared', async () => {
	await sql`alter table guests rename room to place`;
	await sql`alter table visitors rename user_id to who`;
	await unseen('members', `delete from members`);
	const logline = createLogline({ url: tables.url, topics: TEST_TOPICS, migrate: false, logger });
	await logline.start();
	try {
		await until(async () => !(await tables.granted()).includes('rooms/members ann'), {
			what: 'the grant is taken back'
		});
		const told = () => lines.find((line) => line.includes('grants differ from the tables'));
		await until(told, { what: 'the others are named' });
		expect(told()).toMatch(/the table guests \(source "guests"\): .*no longer has the column room/);
		expect(told()).toMatch(
			/the table visitors \(source "visitors"\): .*no longer has the column user_id/
		);
		expect(await tables.granted()).toEqual(['rooms/guests ann', 'rooms/visitors ann']);
	} finally {
		await logline.stop();
	}
});

test('who writes grants at the same time is no reason for a warning: the table is compared a minute later', async () => {
	await unseen('members', `delete from members`);
	const trouble = newTrouble();
	await sql.begin(async (tx) => {
		await tx`insert into grants (scope, user_id) values ('rooms/z', 'eve')`;
		expect(await sweepMirrors(connection, { signal, trouble })).toBe(false);
		expect(lines).toEqual([]);
	});
	expect(await sweepMirrors(connection, { signal, trouble })).toBe(true);
	expect(await tables.granted()).not.toContain('rooms/members ann');
});

test('rows that cannot be granted are told until they are gone, and make no server compare more often', async () => {
	await unseen('guests', `insert into guests values ('no/room', 'bob')`);
	await unseen('members', `delete from members`);
	const trouble = newTrouble();
	expect(await sweepMirrors(connection, { signal, trouble })).toBe(true);
	expect(await tables.granted()).toEqual(ALL.filter((pair) => !pair.includes('members')));
	expect(lines).toEqual([
		expect.stringMatching(/they differ: the table guests .* cannot be granted: 1/)
	]);
	await sql`delete from guests where user_id = 'bob'`;
	await sweepMirrors(connection, { signal, trouble });
	expect(lines.slice(1)).toEqual(['they are the same: ']);
});

test('a server that stops compares no further table, and says nothing of those that it left', async () => {
	for (const table of ['guests', 'members']) await unseen(table, `delete from ${table}`);
	const stopping = new AbortController();
	const trouble = newTrouble();
	trouble.met(new Error('an earlier one'));
	const on: Queryable = {
		query: async (text, parameters) => {
			const rows = await connection.query(text, parameters);
			if (parameters[0] === 'guests') stopping.abort();
			return rows as never;
		}
	};
	expect(await sweepMirrors(on, { signal: stopping.signal, trouble })).toBe(false);
	expect(await tables.granted()).toEqual(ALL.slice(1));
	expect(lines).toEqual(['they differ: an earlier one']);
});
