import { setTimeout as pause } from 'node:timers/promises';
import { withSteady } from '../../support/steady-sql.ts';
import { readArchive } from '../archive.ts';
import type { FaultMaker } from '../fault.ts';
import { within } from '../timing.ts';

const TAILER = /logline tailer\0/;

/** How long a replica may take to catch up, in milliseconds. After that it is discarded. */
const CATCH_UP_MS = 10_000;

/**
 * The primary dies, and a replica without the last commits is promoted. Readers that received some of the lost events must
 * get a gap, and the events of the new primary must reach everybody.
 */
export const promotionFaults: FaultMaker = ({ world, random, ledger, deed }) => {
	const { standby } = world;
	if (!standby) return [];
	let count = 0;
	return [
		{
			kind: 'promote a replica',
			weight: 8,
			alone: true,
			inject: async () => {
				const replica = standby.take();
				if (!replica) return false;
				const old = world.server;
				const proxy = world.databaseProxy;
				// One application, or both, is behind: it has read nothing that the replica will not have. Clients that have seen
				// more come to it.
				const behind = random.chance(0.5);
				if (behind) proxy.hold(0, (first) => TAILER.test(first), random.between(1, 2));
				try {
					await within(CATCH_UP_MS, 'the replica has caught up', replica.caughtUp());
				} catch {
					proxy.release();
					await replica.remove();
					void standby.prepare();
					return false;
				}
				replica.cutOff();
				if (!behind && random.chance(0.6)) {
					// What it declares at this start is lost, and it goes on.
					const app = random.pick(world.apps);
					await app.kill9();
					await app.restart();
					deed('starts lost by failovers', 1);
				}
				await pause(random.between(0, 1250));
				if (random.chance(0.5)) world.clientProxy.cut();
				await pause(random.between(0, 1250));
				proxy.refuse(true);
				proxy.cut();
				proxy.release();
				await old.kill9();
				await replica.promote();
				await world.moveTo(replica);
				if (random.chance(0.5)) {
					// The first writer is not one of the applications: they have not looked yet.
					const fact = ledger.declare({
						tag: `promoted-${++count}`,
						topic: 'a',
						userId: null,
						key: null,
						business: false
					});
					await world.admin(
						(sql) =>
							sql`insert into events (topic, data) values ('a', ${sql.json({ tag: fact.tag })})`
					);
					ledger.acknowledge(fact);
				}
				proxy.refuse(false);
				// No client is connected to the old primary any more. It is only started to read what it had.
				await old.start();
				const before = await withSteady(old.url, readArchive);
				const outbox = await withSteady(
					old.url,
					(on) => on<{ tag: string }[]>`select data ->> 'tag' as tag from outbox`
				);
				await old.remove();
				const kept = await world.insist(readArchive);
				const here = new Set(kept.map(({ id, tag }) => `${id} ${tag}`));
				const lost = before.filter(({ id, tag }) => !here.has(`${id} ${tag}`));
				const gone = { how: 'failover', at: Date.now() } as const;
				world.lost.push(...lost.map((row) => ({ ...row, gone })));
				for (const { tag } of outbox) world.lostFromOutbox.add(tag);
				deed('events lost by failovers', lost.length);
				void standby.prepare();
				return true;
			}
		}
	];
};
