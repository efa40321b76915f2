/** A role or a database may have settings of its own, for other programs: ALTER ROLE … SET. */
import { inject, expect, test } from 'vitest';
import { migrate } from '../../drizzle/migrate.ts';
import { openClient } from '../../src/app/driver-client.ts';
import { createUser, startAppServer } from '../support/app-server.ts';
import { createTestDatabase } from '../support/database.ts';
import { StreamClient } from '../support/stream-client.ts';
import { until } from '../support/until.ts';

test.for([
	['an isolation level', `alter role $ set default_transaction_isolation = 'repeatable read'`],
	[
		'the strictest isolation level',
		`alter role $ set default_transaction_isolation = 'serializable'`
	],
	[
		'another first schema',
		'create schema other authorization $; alter role $ set search_path = other'
	],
	['a schema with its name', 'create schema authorization $'],
	['strings with escapes', 'alter role $ set standard_conforming_strings = off'],
	['arrays without NULL', 'alter role $ set array_nulls = off'],
	[
		'another way to write dates and octets, and short waits',
		`alter role $ set datestyle = 'German'; alter role $ set intervalstyle = 'sql_standard';
		alter role $ set timezone = 'Asia/Kathmandu'; alter role $ set bytea_output = 'escape';
		alter role $ set lock_timeout = 20; alter role $ set statement_timeout = 50`
	]
])('a role with %s of its own migrates, appends, relays and reads', async ([, settings]) => {
	const admin = openClient(inject('testServer').url, { max: 1, name: 'test roles' });
	const database = await createTestDatabase({ empty: true });
	const role = `${database.name}_role`;
	const asRole = new URL(database.url);
	[asRole.username, asRole.password] = [role, 'secret'];
	const inside = openClient(database.url, { max: 1, name: 'test schemas' });
	try {
		await admin.unsafe(`create role ${role} login password 'secret'`);
		await admin.unsafe(`alter database ${database.name} owner to ${role}`);
		await inside.unsafe(settings!.replaceAll('$', role));
		await migrate(asRole.href);
		const server = await startAppServer(asRole.href);
		const user = await createUser(database.url);
		const client = new StreamClient(server.stream('topics=a'), { cookie: user.cookie });
		try {
			await client.arrived('caught-up');
			await server.app.logline.append([{ topic: 'a', data: "a 'text' with \\ and \n" }]);
			await server.app.database.db.transaction((tx) =>
				server.app.logline.append([{ topic: 'a', data: 'relayed' }], tx)
			);
			server.app.logline.kickOutbox();
			await until(() => client.data('a').length === 2, { what: 'both arrive' });
			expect(client.data('a')).toEqual(["a 'text' with \\ and \n", 'relayed']);
			expect(server.app.health()).toMatchObject({ status: 'ok', failing: [] });
		} finally {
			client.close();
			await server.stop();
		}
	} finally {
		await inside.end();
		await database.drop();
		await admin.unsafe(`drop role if exists ${role}`);
		await admin.end();
	}
});
