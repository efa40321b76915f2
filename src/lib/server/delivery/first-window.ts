import type { Logger } from '../work/logger.ts';
import type { Queryable } from '../database/queryable.ts';
import { readLastHorizon } from '../log/horizons.ts';
import { EventRefused } from '../log/page.ts';
import { PageSize } from '../log/page-size.ts';
import { readRecent } from '../log/read.ts';
import type { LogEvent } from '../log/types.ts';

/** How much of the window is read at the start. It leaves room for new events. */
const FIRST = { most: 2_000, bytes: 4 * 1_048_576 };

/**
 * Reads the newest events up to `tail`, with which the hub begins. If they cannot be read, the window begins empty: one bad
 * event in the log must not prevent a start.
 */
export async function readFirstWindow(
	on: Queryable,
	tail: bigint,
	logger: Logger
): Promise<{ tail: bigint; floor: bigint; recent: LogEvent[] }> {
	try {
		const { events, last, more } = await readRecent(on, tail, new PageSize(FIRST));
		// Trimmed events are missing here. A client with an older cursor reads from the log, which knows the horizon and
		// sends `gap`.
		const horizon = await readLastHorizon(on);
		const first = more && last !== null ? last - 1n : 0n;
		return { tail, floor: horizon > first ? horizon : first, recent: events.reverse() };
	} catch (error) {
		if (!(error instanceof EventRefused)) throw error;
		logger.warn({ err: error }, 'the newest events cannot be read; memory begins without them');
		return { tail, floor: tail, recent: [] };
	}
}
