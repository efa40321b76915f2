import { setTimeout as pause } from 'node:timers/promises';
import { terminateBackends } from '../backends.ts';
import type { FaultMaker } from '../fault.ts';

/** Makes the database read-only for a while, as before a switch to another server: writes fail, and reading continues. */
export const readOnlyFaults: FaultMaker = ({ world, random }) => {
	let isOn = false;
	const turn = async (state: 'on' | 'off') => {
		await world.insist((sql) =>
			sql.unsafe(`alter database postgres set default_transaction_read_only = ${state}`)
		);
		// Sessions keep the settings that they began with.
		await terminateBackends(world, null);
	};
	return [
		{
			kind: 'make the database read-only',
			weight: 3,
			inject: async () => {
				if (isOn) return false;
				isOn = true;
				await turn('on');
				await pause(random.between(500, 6000));
				await turn('off');
				isOn = false;
				return true;
			}
		}
	];
};
