import { until } from '../support/until.ts';
import { terminateBackends } from './backends.ts';
import type { Ledger } from './ledger.ts';
import type { Readers } from './readers.ts';
import { SETTLE_MS, within } from './timing.ts';
import type { World } from './world.ts';

/** Time within which an event must arrive although no notification announces it and no event follows it. Milliseconds. */
const UNTOLD_MS = 15_000;

/**
 * Waits after the last fault until each client has reconnected and has caught up with the end of the log.
 *
 * @param written settled when nothing is being written any more
 * @throws Error that says what did not settle
 */
export async function settle(
	world: World,
	readers: Readers,
	written: Promise<void>
): Promise<void> {
	const since = performance.now();
	readers.settle();
	await world.heal(SETTLE_MS);
	await within(SETTLE_MS, 'the writers have ended', written);
	await until(
		async () => (await world.admin((sql) => sql`select from outbox limit 1`)).length === 0,
		{
			what: 'the outbox is empty',
			timeoutMs: SETTLE_MS,
			everyMs: 50
		}
	);
	const own = world.apps.map(({ ownTopic }) => ownTopic);
	await until(
		async () =>
			(await world.admin((sql) => sql`select from topics where pattern in ${sql(own)}`)).length ===
			own.length,
		{ what: 'what the applications have declared is declared', timeoutMs: SETTLE_MS, everyMs: 50 }
	);
	const [row] = await world.admin(
		(sql) => sql<{ head: number }[]>`select coalesce(max(id), 0)::float8 as head from events`
	);
	await readers.caughtUp(row!.head, since, SETTLE_MS);
}

/**
 * At the end no later event can hide a missed one. So this writes events exactly while the connections that would be
 * notified are dead.
 *
 * @throws Error that says what did not arrive
 */
export async function lastWords(world: World, readers: Readers, ledger: Ledger): Promise<void> {
	const write = async (n: number, table: 'events' | 'outbox', victims: string | null) => {
		const fact = ledger.declare({
			tag: `last-${n}`,
			topic: 'a',
			userId: null,
			key: null,
			business: false
		});
		await terminateBackends(world, victims);
		await world.admin(
			(sql) => sql`
				insert into ${sql(table)} (topic, data) values (${fact.topic}, ${sql.json({ tag: fact.tag })})`
		);
		ledger.acknowledge(fact);
		await readers.haveSeen(fact.topic, fact.tag, UNTOLD_MS);
	};
	await write(1, 'events', 'logline listener');
	await write(2, 'outbox', 'logline listener');
	await write(3, 'events', null);
	await write(4, 'outbox', null);
}
