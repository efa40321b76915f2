/** Retention that a test runs itself. */
import type { Sql } from '../../src/app/driver-client.ts';
import {
	createRegistry,
	type TopicDefinition,
	type TopicRegistry
} from '../../src/lib/protocol/index.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { trimLog } from '../../src/lib/server/log/retention/retention.ts';
import { TEST_TOPICS } from './app-server.ts';
import { until } from './until.ts';

/** By topic. Topics that are not named are kept for ever. */
export type Retentions = Record<string, TopicDefinition['retention']>;

/** The topics of the tests with these retentions. */
export const keep = (retentions: Retentions): TopicRegistry =>
	createRegistry([
		Object.fromEntries(
			[...TEST_TOPICS].map(([topic, definition]) => [
				topic,
				{ ...definition, retention: retentions[topic] }
			])
		)
	]);

/**
 * Trims when the lock is free: the server's own job runs at its start, and only one job works at a time.
 *
 * @returns how many events were deleted
 */
export async function trimOn(connection: SoleConnection, registry: TopicRegistry): Promise<number> {
	const { deleted } = await until(
		async () => {
			const deleted = await trimLog(connection, registry);
			return deleted !== null && { deleted };
		},
		{ what: 'nobody else trims' }
	);
	return deleted;
}

/** As `trimOn`, on a connection of its own. */
export async function trim(url: string, retentions: Retentions): Promise<number> {
	const connection = new SoleConnection(url, { name: 'retention test' });
	try {
		return await trimOn(connection, keep(retentions));
	} finally {
		await connection.end();
	}
}

/** @returns the data of the events of a topic that are left */
export const left = async (sql: Sql, topic: string): Promise<unknown[]> =>
	(await sql`select data from events where topic = ${topic} order by id`).map(
		(row) => row.data as unknown
	);
