import { setTimeout as pause } from 'node:timers/promises';
import type { AppProcess } from '../apps.ts';
import type { Fault } from '../fault.ts';
import type { Random } from '../random.ts';

/** Kills, terminates or pauses applications. */
export function processFaults({
	world,
	random
}: {
	world: { apps: readonly AppProcess[] };
	random: Random;
}): Fault[] {
	/** Runs on an application that no other fault affects. */
	const toOne = (act: (app: AppProcess) => Promise<void>) => async () => {
		const free = world.apps.filter((app) => !app.busy);
		if (free.length === 0) return false;
		const app = random.pick(free);
		app.busy = true;
		try {
			await act(app);
		} finally {
			app.busy = false;
		}
		return true;
	};
	return [
		{
			kind: 'kill -9 an application',
			weight: 6,
			inject: toOne(async (app) => {
				await app.kill9();
				await pause(random.between(0, 1500));
				await app.restart();
			})
		},
		{
			kind: 'SIGTERM an application',
			weight: 4,
			inject: toOne(async (app) => {
				await app.terminate();
				await pause(random.between(0, 1500));
				await app.restart();
			})
		},
		{
			kind: 'SIGSTOP an application',
			weight: 4,
			inject: toOne(async (app) => {
				app.suspend();
				await pause(random.between(1000, 4000));
				app.resume();
			})
		}
	];
}
