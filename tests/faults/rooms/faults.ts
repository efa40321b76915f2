import { setTimeout as pause } from 'node:timers/promises';
import { SoleConnection } from '../../../src/lib/server/database/sole-connection.ts';
import { isTransient } from '../../../src/lib/server/database/transient.ts';
import { trimLog } from '../../../src/lib/server/log/retention/retention.ts';
import type { Proxy } from '../../support/proxy.ts';
import type { Fault } from '../fault.ts';
import { faultsOf } from '../kinds/connections.ts';
import { processFaults } from '../kinds/processes.ts';
import type { Random } from '../random.ts';
import { trimmed } from '../topics.ts';
import { PLACES } from './places.ts';
import type { RoomsWorld } from './world.ts';

interface RoomStage {
	world: RoomsWorld;
	random: Random;
	deed(what: string, count?: number): void;
}

/** Every kind of fault of the oracle. */
export const roomFaults = (stage: RoomStage): Fault[] => [
	...processFaults(stage),
	...stage.world.databaseProxies.flatMap((proxy) => [
		...faultsOf('database', proxy, stage.random),
		lag(proxy, stage.random)
	]),
	...trims(stage)
];

/** The server reads grants, but its hub does not hear of events. So what it knows of them is ahead of what it delivers. */
const lag = (proxy: Proxy, random: Random): Fault => ({
	kind: 'hold back the tailer',
	weight: 10,
	inject: async () => {
		proxy.hold(random.between(0, 4), (first) => first.includes('logline tailer'));
		await pause(random.between(200, 2500));
		proxy.release();
	}
});

const trims = ({ world, random, deed }: RoomStage): Fault[] => [
	{
		kind: 'delete events by hand',
		weight: 4,
		inject: async () => {
			const [count, skipped] = [random.between(1, 8), random.pick([0, 0, 20])];
			// Events of the log itself stay: an open stream learns of its grants from them.
			const gone = await world.sql.begin(async (tx) => {
				await tx`select set_config('checker.how', 'hand', true)`;
				return tx`
					delete from events where id in (
						select id from events where topic not like '$%' order by events.id desc offset ${skipped} limit ${count}
					) returning 1`;
			});
			deed('events deleted by hand', gone.length);
		}
	},
	{
		kind: 'trim topics',
		weight: 6,
		inject: async () => {
			const topics = PLACES.map(({ topic }) => topic).filter(() => random.chance(0.3));
			if (topics.length === 0) return false;
			const registry = trimmed(
				topics,
				random.chance(0.5)
					? { seconds: random.between(0, 20) }
					: { lastPerUser: random.between(1, 20) }
			);
			// As in an application: trimming has its own connection.
			const connection = new SoleConnection(world.databaseUrl, { name: 'oracle retention' });
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
