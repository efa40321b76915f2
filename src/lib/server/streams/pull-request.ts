import { LoglineError } from '../../protocol/index.ts';

/** What a page of events is sent as. */
export type PullFormat = 'application/json' | 'application/x-ndjson';

/** What a request for a page of events asks for. */
export interface Pull {
	/** Most events of the page. */
	limit: number;
	/** How long to wait for an event if there is none. Milliseconds. */
	waitMs: number;
}

const MOST_EVENTS = 1000;

/** Proxies give up after 60 s, and some clients after 30 s. Seconds. */
const LONGEST_WAIT = 25;

/**
 * Returns what the header `Accept` prefers to a stream. Weights are not read: the first known type counts.
 *
 * @returns null: it wants a stream, or says nothing about it
 */
export function formatOf(accept: string | null): PullFormat | null {
	for (const part of accept?.split(',') ?? []) {
		const type = part.split(';', 1)[0]!.trim().toLowerCase();
		if (type === 'text/event-stream') return null;
		if (type === 'application/json' || type === 'application/x-ndjson') return type;
	}
	return null;
}

/** @throws LoglineError `invalid_limit`, `invalid_wait`, `invalid_presence` */
export function parsePull(searchParams: URLSearchParams): Pull {
	if (searchParams.has('presence')) {
		throw new LoglineError('invalid_presence', 'Presence needs a stream. Leave it out.');
	}
	const limit = searchParams.get('limit') ?? '100';
	if (!/^[0-9]{1,9}$/.test(limit) || Number(limit) < 1 || Number(limit) > MOST_EVENTS) {
		throw new LoglineError('invalid_limit', `\`limit\` is a number from 1 to ${MOST_EVENTS}.`);
	}
	const wait = searchParams.get('wait') ?? '0';
	if (!/^[0-9]{1,9}(\.[0-9]{1,3})?$/.test(wait) || Number(wait) > LONGEST_WAIT) {
		throw new LoglineError(
			'invalid_wait',
			`\`wait\` is a number of seconds from 0 to ${LONGEST_WAIT}.`
		);
	}
	return { limit: Number(limit), waitMs: Number(wait) * 1000 };
}
