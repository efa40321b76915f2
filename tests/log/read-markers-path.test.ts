import { afterAll, beforeAll, expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { READ_BY_INDEX } from '../../src/lib/server/database/read-by-index.ts';
import { moveMarker, readMarkers } from '../../src/lib/server/log/read-markers.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { buffers, nodes, planOf, rowsOf, scans } from './plans.ts';

let database: TestDatabase;
let sql: Sql;

beforeAll(async () => {
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 1, name: 'test read path', settings: READ_BY_INDEX });
	await sql`insert into events (topic, user_id, data)
		select 'room ' || n % 50, case when n % 2 = 0 then 'u' || n % 1000 end, '{}' from generate_series(1, 60000) n`;
	await sql`insert into read_markers select 'u' || n, 'room ' || n % 50, 30000 from generate_series(0, 2000) n`;
	await sql`vacuum analyze events`;
	await sql`vacuum analyze read_markers`;
});
afterAll(async () => {
	await sql.end();
	await database.drop();
});

test('a marker costs no more than the hundred entries of each audience that are counted', async () => {
	const asked = [{ userId: 'u1', topic: 'room 1', floor: 0n }];
	const { plan } = await planOf(sql, (on) => readMarkers(on, asked, { marked: true }));
	// Of six hundred for everyone, a hundred are counted.
	expect(Math.max(...scans(plan).map(rowsOf))).toBe(100);
	for (const scan of scans(plan)) {
		expect(scan['Index Name']).toMatch(/coalesce_topic_id_idx$|read_markers_user_id_topic_pk/);
		expect(rowsOf(scan)).toBeLessThanOrEqual(100);
	}
	for (const node of nodes(plan)) expect(node['Node Type']).not.toMatch(/Seq Scan|Sort|Hash/);
	expect(buffers(plan)).toBeLessThan(250);
});

test('to move a marker costs no more', async () => {
	const asked = { userId: 'u1', topic: 'room 1', floor: 0n, id: 45_000n };
	const { plan } = await planOf(sql, (on) => moveMarker({ history: on, pool: on }, asked));
	for (const scan of scans(plan)) {
		expect(scan['Index Name']).toMatch(/coalesce_topic_id_idx$|read_markers_user_id_topic_pk/);
		expect(rowsOf(scan)).toBeLessThanOrEqual(100);
	}
	expect(buffers(plan)).toBeLessThan(250);
});
