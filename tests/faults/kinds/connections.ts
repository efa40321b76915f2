import { setTimeout as pause } from 'node:timers/promises';
import type { Proxy } from '../../support/proxy.ts';
import { terminateBackends } from '../backends.ts';
import type { Fault, FaultMaker } from '../fault.ts';
import type { Random } from '../random.ts';

/** Names of an application's connections. */
const BACKENDS = [
	'listener',
	'writer',
	'relay',
	'tailer',
	'history',
	'app',
	'app drizzle',
	'app background'
];

/** Cuts, pauses, refuses and silences connections: those to Postgres, and those of clients. */
export const connectionFaults: FaultMaker = ({ world, random }) => [
	{
		kind: 'terminate one backend',
		weight: 10,
		inject: () => terminateBackends(world, `logline ${random.pick(BACKENDS)}`)
	},
	{ kind: 'terminate all backends', weight: 2, inject: () => terminateBackends(world, null) },
	...faultsOf('database', world.databaseProxy, random),
	...faultsOf('clients', world.clientProxy, random)
];

/** Cuts, pauses, refuses and silences the connections of one proxy. */
export function faultsOf(what: string, proxy: Proxy, random: Random): Fault[] {
	const now = (act: () => void) => () => {
		act();
		return Promise.resolve();
	};
	const during = (begin: () => void, end: () => void) => async () => {
		begin();
		await pause(random.between(300, 4000));
		end();
	};
	return [
		{ kind: `cut the ${what}`, weight: 4, inject: now(() => proxy.cut()) },
		{
			kind: `cut the ${what} at a byte`,
			weight: 6,
			inject: now(() => proxy.cutAfter(random.between(1, 60_000)))
		},
		{
			kind: `pause the ${what}`,
			weight: 2,
			inject: during(
				() => proxy.pause(),
				() => proxy.resume()
			)
		},
		{
			kind: `refuse the ${what}`,
			weight: 2,
			inject: during(
				() => proxy.refuse(true),
				() => proxy.refuse(false)
			)
		},
		{
			kind: `silence the ${what}`,
			weight: 2,
			inject: during(() => proxy.halfOpen(), what === 'clients' ? () => proxy.cut() : () => {})
		}
	];
}
