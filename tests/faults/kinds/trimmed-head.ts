import { SoleConnection } from '../../../src/lib/server/database/sole-connection.ts';
import { isTransient } from '../../../src/lib/server/database/transient.ts';
import { trimLog } from '../../../src/lib/server/log/retention/retention.ts';
import type { FaultMaker } from '../fault.ts';
import { trimmed } from '../topics.ts';

const TOPICS = ['a', 'b', 'c', 'd', 'e'];

/**
 * Deletes the end of the log, by hand and by retention. Readers that had not received trimmed events must get a gap. Readers
 * that had must not be set back. Later events must arrive.
 */
export const trimmedHeadFaults: FaultMaker = ({ world, random, deed }) => [
	{
		kind: 'delete the newest events by hand',
		weight: 4,
		inject: async () => {
			const count = random.chance(0.5) ? 1 : random.between(2, 30);
			const gone = await world.insist((sql) =>
				sql.begin(async (tx) => {
					await tx`select set_config('checker.how', 'hand', true)`;
					return tx`
						delete from events
						where id in (select id from events order by events.id desc limit ${count}) returning 1`;
				})
			);
			deed('events deleted by hand', gone.length);
		}
	},
	{
		kind: 'trim topics to their end',
		weight: 4,
		inject: async () => {
			const topics = TOPICS.filter(() => random.chance(0.4));
			if (topics.length === 0) topics.push(random.pick(TOPICS));
			const registry = trimmed(
				topics,
				random.chance(0.6) ? { seconds: 0 } : { lastPerUser: random.between(1, 20) }
			);
			// As in an application: trimming has its own connection.
			const connection = new SoleConnection(world.server.url, { name: 'checker retention' });
			try {
				deed('events trimmed', (await trimLog(connection, registry)) ?? 0);
			} catch (error) {
				if (!isTransient(error)) throw error;
			} finally {
				await connection.end();
			}
			return true;
		}
	}
];
