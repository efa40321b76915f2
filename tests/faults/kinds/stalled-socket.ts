import { setTimeout as pause } from 'node:timers/promises';
import type { FaultMaker } from '../fault.ts';
import { STALL_MS } from '../timing.ts';
import { FAT } from '../topics.ts';

/** How long a socket that was ended may take to close by itself, including other delays. Milliseconds. */
const CLOSE_MS = 8_000;
/** More than all buffers between the application and the client can hold. */
const ROWS = 40;
const ROW_OCTETS = 1_000_000;
/** Rows per statement, so that it does not take long. */
const AT_ONCE = 5;

/**
 * A client stops reading while much is written to it. It must be disconnected, and when it reads again it must lose nothing.
 */
export const stalledSocketFaults: FaultMaker = ({ random, readers, writers, findings, deed }) => {
	let count = 0;
	return [
		{
			kind: 'stall a socket',
			weight: 2,
			inject: async () => {
				const free = readers.stallers.filter((reader) => !reader.stalled);
				if (free.length === 0) return false;
				const reader = random.pick(free);
				if (!reader.stall()) return false;
				const { connections } = reader.journal;
				const writer = writers.sqlWriter(`stall${++count}`);
				const write = (rows: number, octets: number) => {
					const facts = Array.from({ length: rows }, () =>
						writer.maker.make({ topic: FAT, userId: reader.journal.userId })
					);
					return writer.attempt(
						facts,
						(sql) => sql`
							insert into events (topic, user_id, data)
							select ${FAT}, ${reader.journal.userId}::text, jsonb_build_object('tag', tag, 'pad', repeat('x', ${octets}::int))
							from unnest(${facts.map(({ tag }) => tag)}::text[]) as tag`
					);
				};
				let written = 0;
				for (let i = 0; i < ROWS; i += AT_ONCE) {
					if ((await write(AT_ONCE, ROW_OCTETS)) === 'acknowledged') written += AT_ONCE;
				}
				await pause(STALL_MS + CLOSE_MS);
				await write(1, 10);
				const last = reader.journal.tracks.at(-1)!.ids.length;
				reader.resume();
				await writer.end();
				deed('sockets stalled');
				if (written < ROWS) return true;
				// If all events came on the stalled connection, nobody has ended it.
				await pause(3000);
				const seen = reader.journal.tracks.at(-1)!.ids.length - last;
				if (reader.journal.connections === connections && seen > ROWS) {
					findings['not disconnected'].push(
						`${reader.journal.name} took nothing for ${STALL_MS + CLOSE_MS} ms`
					);
				} else deed('of these, disconnected');
				return true;
			}
		}
	];
};
