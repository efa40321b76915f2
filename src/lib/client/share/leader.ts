import { randomID } from '../random-id.ts';

/**
 * Names a leader. A later one has a larger name, if the clock is right. Two never have the same, even if it is wrong: then the
 * blocks of one could be taken for those of the other.
 *
 * @param known the largest name that was heard; '': none
 */
export function nextLeader(known: string): string {
	const time = Math.max(Date.now(), Number(known.split('-')[0]) + 1);
	return `${String(time).padStart(16, '0')}-${randomID()}`;
}
