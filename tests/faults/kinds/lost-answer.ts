import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../../support/until.ts';
import type { FaultMaker } from '../fault.ts';
import { APP_PASSWORD, APP_ROLE } from '../world.ts';

/** Errors for the next attempts, and how to repair them. */
const TROUBLES = [
	[
		'read-only',
		`alter role ${APP_ROLE} set default_transaction_read_only = on`,
		`alter role ${APP_ROLE} reset default_transaction_read_only`
	],
	['no login', `alter role ${APP_ROLE} nologin`, `alter role ${APP_ROLE} login`],
	[
		'another password',
		`alter role ${APP_ROLE} password 'another'`,
		`alter role ${APP_ROLE} password '${APP_PASSWORD}'`
	]
] as const;

/**
 * A writer's answer is lost after the commit, and its next attempts get an error that looks permanent (25006, 28000, 28P01).
 * No event may be written twice, and no caller may be told that its append failed.
 */
export const lostAnswerFaults: FaultMaker = ({ world, random, deed }) => {
	let isOn = false;
	return [
		{
			kind: 'lose an answer, and refuse what follows',
			weight: 4,
			inject: async () => {
				if (isOn) return false;
				isOn = true;
				const [what, trouble, mend] = random.pick(TROUBLES);
				const proxy = world.databaseProxy;
				try {
					// Not the first answers, because those belong to the start of a connection.
					proxy.hold(random.between(0, 3), (first) => first.includes('logline writer'));
					const held = await until(() => proxy.holding, { timeoutMs: 3000 }).catch(() => false);
					if (!held) return false;
					await world.insist((sql) => sql.unsafe(trouble));
					proxy.cut();
					proxy.release();
					// Sometimes longer than the time limit of an append.
					await pause(random.chance(0.15) ? 17_000 : random.between(300, 6000));
					deed(`answers lost, then: ${what}`);
					return true;
				} finally {
					proxy.release();
					await world.insist((sql) => sql.unsafe(mend));
					// Sessions keep the settings that they began with.
					await world.insist(
						(sql) =>
							sql`select pg_terminate_backend(pid) from pg_stat_activity where usename = ${APP_ROLE}`
					);
					isOn = false;
				}
			}
		}
	];
};
