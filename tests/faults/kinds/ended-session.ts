import { setTimeout as pause } from 'node:timers/promises';
import { createSession } from '../../support/app-server.ts';
import { StreamClient } from '../../support/stream-client.ts';
import { until } from '../../support/until.ts';
import { terminateBackends } from '../backends.ts';
import type { FaultMaker } from '../fault.ts';

/**
 * Connections that the opening of a stream waits for. The connections that report the end of the session are not included.
 */
const OPENING = /logline (app|history)\0/;

/** Each makes the opening wait for a different step. */
const WAYS = [
	'topics=a&topics=recent',
	'topics=a&topics=b@1&lastEventID=1',
	'topics=a&topics=b&lastEventID=900000000000000000'
];

/** Time within which a stream must end, in milliseconds. One second is promised, but the machine is busy. */
const ENDS_MS = 4000;
/** The same when no process was listening at that moment. */
const ENDS_UNHEARD_MS = 12_000;

/** Ends a session while one of its streams opens or has just opened. After that the stream must get no private event. */
export const endedSessionFaults: FaultMaker = ({
	world,
	random,
	readers,
	ledger,
	findings,
	deed
}) => {
	let count = 0;
	return [
		{
			kind: 'end a session while its stream opens',
			weight: 4,
			alone: true,
			inject: async () => {
				// Half-open connections would be noticed only later, so cut them first.
				world.databaseProxy.cut();
				try {
					await world.healthy(10_000);
				} catch (error) {
					if (error instanceof Error) return false;
					throw error;
				}
				const user = random.pick(world.users);
				const { sessionID, cookie } = await createSession(world.server.url, user.id);
				const unheard = random.chance(0.4);
				const name = `ended-${++count}`;
				const url = `${world.origin}/api/events?client=${name}&${random.pick(WAYS)}`;
				world.databaseProxy.hold(random.between(0, 6), (first) => OPENING.test(first));
				const client = new StreamClient(url, { cookie });
				try {
					await until(() => world.databaseProxy.holding || client.of('caught-up').length > 0, {
						what: 'the stream opens'
					});
					await pause(random.between(0, 50));
					if (unheard) await terminateBackends(world, 'logline listener');
					await world.admin((sql) =>
						random.chance(0.7)
							? sql`delete from sessions where id = ${sessionID}`
							: sql`update sessions set expires_at = now() where id = ${sessionID}`
					);
					if (random.chance(0.5)) world.databaseProxy.release();
					else setTimeout(() => world.databaseProxy.release(), random.between(0, 600));
					const ms = unheard ? ENDS_UNHEARD_MS : ENDS_MS;
					const ended = await until(() => client.ended, { timeoutMs: ms }).catch(() => false);
					if (!ended) {
						findings['seen after the session'].push(`${name} was open ${ms} ms after its session`);
					}
					const fact = ledger.declare({
						tag: `${name}-secret`,
						topic: 'a',
						userId: user.id,
						key: null,
						business: false
					});
					await world.admin(
						(sql) => sql`
							insert into events (topic, user_id, data)
							values ('a', ${user.id}, ${sql.json({ tag: fact.tag })})`
					);
					ledger.acknowledge(fact);
					const witnesses = readers.all.filter(
						({ journal }) => journal.userId === user.id && journal.topics.includes('a')
					);
					await until(() => witnesses.some(({ journal }) => journal.hasSeen('a', fact.tag)), {
						what: `${fact.tag} has been delivered to others`,
						timeoutMs: 20_000
					});
					const seen = client.data('a') as { tag?: string }[];
					if (seen.some(({ tag }) => tag === fact.tag)) {
						findings['seen after the session'].push(`${name} saw ${fact.tag}`);
					}
					deed('sessions ended in time');
				} finally {
					world.databaseProxy.release();
					client.close();
				}
				return true;
			}
		}
	];
};
