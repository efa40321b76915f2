/** One's own visible events, from the endpoint of the explorer, newest first. */
import { asUser } from 'logline';
import type { ExploredPage } from 'logline/server';
import type { EventRow } from './database/messages.ts';

/** How far one reading goes, and all of them together. Octets of data as text. */
export const AT_ONCE = { events: 5000, octets: 8 * 1024 * 1024 };
export const MOST = { events: 50_000, octets: 64 * 1024 * 1024 };

/** Events of one request: the most that the endpoint gives. */
const PAGE = 200;

/** A longer request is given up, in milliseconds. */
const TIMEOUT_MS = 15_000;

/** What was read. */
export interface Read {
	rows: EventRow[];
	octets: number;
	/** There are older ones. */
	more: boolean;
	/** false: the viewer has so many topics that not all of them are in it. */
	complete: boolean;
}

export const NOTHING: Read = { rows: [], octets: 0, more: true, complete: true };

export const isFull = ({ rows, octets }: Read): boolean =>
	rows.length >= MOST.events || octets >= MOST.octets;

/**
 * Reads further back.
 *
 * @param so what was read before
 * @param me id of the viewer, which rows of the viewer alone have
 * @throws Error with a sentence for the viewer
 */
export async function readOlder(
	so: Read,
	me: string,
	signal: AbortSignal,
	onprogress: (events: number) => void
): Promise<Read> {
	const rows = [...so.rows];
	let { octets, more, complete } = so;
	const most = {
		events: Math.min(MOST.events, rows.length + AT_ONCE.events),
		octets: Math.min(MOST.octets, octets + AT_ONCE.octets)
	};
	while (more && rows.length < most.events && octets < most.octets) {
		const page = await ask(rows.at(-1)?.id, me, signal);
		for (const { id, topic, mine, at, json, size } of page.events) {
			const length = size ?? new Blob([json ?? '']).size;
			if (json !== null) octets += length;
			rows.push({
				id,
				topic,
				user_id: mine ? me : null,
				data: json,
				created_at: at,
				size: length
			});
		}
		({ more } = page);
		complete = page.complete;
		onprogress(rows.length);
	}
	return { rows, octets, more, complete };
}

async function ask(
	before: string | undefined,
	me: string,
	signal: AbortSignal
): Promise<ExploredPage> {
	const params = new URLSearchParams({ limit: String(PAGE), ...(before && { before }) });
	const response = await fetch(asUser(`/log/events.json?${params}`, me), {
		signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)])
	}).catch((cause: unknown) => {
		throw new Error('The server cannot be reached.', { cause });
	});
	const body = (await response.json()) as ExploredPage | { error: { message: string } };
	if ('error' in body) throw new Error(body.error.message);
	return body;
}
