import { setTimeout as pause } from 'node:timers/promises';
import type { FaultMaker } from '../fault.ts';

/** Kills Postgres, and keeps a transaction open. */
export const databaseFaults: FaultMaker = ({ world, random, writers }) => {
	let isDown = false;
	let held = 0;
	return [
		{
			kind: 'kill -9 Postgres',
			weight: 2,
			inject: async () => {
				if (isDown) return false;
				isDown = true;
				const { server } = world;
				await server.kill9();
				await pause(random.between(0, 2000));
				await server.start();
				isDown = false;
				return true;
			}
		},
		{
			kind: 'hold a transaction open',
			weight: 3,
			inject: async () => {
				const writer = writers.sqlWriter(`held${++held}`);
				await writer.hold(random.between(2000, 5000));
				await writer.end();
			}
		}
	];
};
