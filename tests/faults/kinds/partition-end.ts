import { setTimeout as pause } from 'node:timers/promises';
import type { FaultMaker } from '../fault.ts';

/** Time within which an INSERT must find a partition, whatever else is broken. Milliseconds. */
const ROOM_MS = 40_000;

/** Moves the ids to the end of the last partition: the log must create the next one, also for a large INSERT. */
export const partitionEndFaults: FaultMaker = ({ world, random, writers, findings, deed }) => {
	let count = 0;
	return [
		{
			kind: 'come to the end of the partitions',
			weight: 3,
			inject: async () => {
				const left = random.between(0, 60);
				// Under the log's lock, like every assignment of ids. Otherwise an id could be given out twice.
				await world.insist((sql) =>
					sql.begin(async (tx) => {
						await tx`lock table log_state in exclusive mode`;
						await tx`
							select setval('events_id_seq', greatest(last_value, logline_last_partitioned() - ${left}::int))
							from events_id_seq`;
					})
				);
				const writer = writers.sqlWriter(`bulk${++count}`);
				const rows = random.between(20, 120);
				const until = performance.now() + ROOM_MS;
				for (;;) {
					const facts = Array.from({ length: rows }, () =>
						writer.maker.make({ topic: 'e', business: false })
					);
					const outcome = await writer.attempt(
						facts,
						(sql) => sql`insert into events ${sql(writer.rows(facts))}`
					);
					if (outcome === 'acknowledged') break;
					if (outcome === 'refused') deed('bulk INSERTs refused at the end of the partitions');
					if (performance.now() > until) {
						findings['did not settle'].push('an INSERT found no partition for too long');
						break;
					}
					await pause(200);
				}
				await writer.end();
			}
		}
	];
};
