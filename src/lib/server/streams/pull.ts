import { createHash } from 'node:crypto';
import {
	CONTROL,
	isReserved,
	LoglineError,
	type CaughtUp,
	type Denied,
	type Ended,
	type Gap,
	type Subscribed
} from '../../protocol/index.ts';
import { readBlocks, type ReadBlock } from '../sse/read-blocks.ts';
import type { StreamAsked } from './open.ts';
import { formatOf, parsePull, type Pull, type PullFormat } from './pull-request.ts';

/** A page that has as much data is full. Characters. */
const FULL = 1024 * 1024;

/** More events than fit into this are not held in memory for one response. Characters. */
const MOST = 8 * 1024 * 1024;

/** Events that come together belong in one page. Milliseconds. */
const TOGETHER_MS = 10;

/** What a page has, as far as it is read. */
interface Page {
	/** JSON texts. */
	events: string[];
	/** Of the data, in characters. */
	size: number;
	cursor: string | null;
	upToDate: boolean;
	gaps: Gap[];
	denied: Denied[];
	subscribed: Subscribed[];
	ended: Ended[];
	/** Of `caught-up`: what the client sends back with the cursor. */
	log?: string;
	user?: string;
}

/**
 * Responds with a page of events to a client that asks for JSON instead of a stream, and waits for one if there is none. It
 * *is* a stream that ends early, so each rule of streams holds: who may see what, gaps, topic safety, limits.
 *
 * @param open opens the stream
 * @returns null: the client does not ask for JSON
 * @throws LoglineError `invalid_limit`, `invalid_wait`, `invalid_presence`, `page_too_large` (422), `unauthorized` (401), `draining` (503), and
 *   whatever opening a stream throws
 */
export function pull(
	asked: StreamAsked,
	open: (asked: StreamAsked) => Promise<Response>
): Promise<Response> | null {
	const format = formatOf(asked.headers.get('accept'));
	return format && respond(asked, open, format);
}

async function respond(
	asked: StreamAsked,
	open: (asked: StreamAsked) => Promise<Response>,
	format: PullFormat
): Promise<Response> {
	const wanted = parsePull(asked.searchParams);
	const deadline = performance.now() + wanted.waitMs;
	const page = await read(await open(asked), wanted, deadline, asked.gone);
	const etag = tagOf(page);
	const headers = { 'cache-control': 'private, no-store', vary: 'accept, cookie', etag };
	if (asked.headers.get('if-none-match')?.includes(etag.slice('W/'.length))) {
		return new Response(null, { status: 304, headers });
	}
	const body = format === 'application/json' ? asJson(page) : asLines(page);
	return new Response(body, { headers: { ...headers, 'content-type': format } });
}

/** Reads a stream until the page is full, or nothing is missing and either something came or the time is over. */
async function read(
	stream: Response,
	{ limit }: Pull,
	deadline: number,
	gone: AbortSignal | undefined
): Promise<Page> {
	const reader = stream.body!.getReader();
	const stop = () => void reader.cancel();
	const page: Page = {
		events: [],
		size: 0,
		cursor: null,
		upToDate: false,
		gaps: [],
		denied: [],
		subscribed: [],
		ended: []
	};
	/** While an older history comes, the cursor stays. A page that ended there would have no cursor to go on from. */
	let older = false;
	let timer: NodeJS.Timeout | undefined;
	gone?.addEventListener('abort', stop, { once: true });
	try {
		if (gone?.aborted) stop();
		for await (const block of readBlocks(reader)) {
			const { event, id } = block;
			older ||= event === null && id !== null && page.events.length > 0;
			const isEvent = event !== null && id !== null && !isReserved(event);
			if (isEvent && !older && (page.events.length >= limit || page.size >= FULL)) {
				return { ...page, upToDate: false };
			}
			if (isEvent) add(page, block);
			else if (event !== null) note(page, block);
			if (id !== null) page.cursor = id;
			if (page.size > MOST && page.events.length > 1) throw tooLarge();
			if (event === CONTROL.caughtUp) {
				older = false;
				const left = page.events.length > 0 ? 0 : deadline - performance.now();
				if (left <= 0 || page.gaps.length > 0) return page;
				timer = setTimeout(stop, left);
			} else if (timer && tells(block)) {
				clearTimeout(timer);
				timer = setTimeout(stop, TOGETHER_MS);
			}
		}
		if (page.cursor === null) {
			throw new LoglineError('draining', 'The server shuts down. Ask again.', 503, 1);
		}
		return page;
	} finally {
		clearTimeout(timer);
		gone?.removeEventListener('abort', stop);
		await reader.cancel();
	}
}

/** @returns true when a client that waits wants to know of the block */
const tells = ({ event, id }: ReadBlock) =>
	event !== null &&
	(isReserved(event)
		? event === CONTROL.denied || event === CONTROL.ended || event === CONTROL.gap
		: id !== null);

function add(page: Page, { id, event, data }: ReadBlock): void {
	page.events.push(`{"id":"${id}","topic":${JSON.stringify(event)},"data":${data}}`);
	page.size += data.length;
}

function note(page: Page, { event, data }: ReadBlock): void {
	if (event === CONTROL.gap) page.gaps.push(JSON.parse(data) as Gap);
	else if (event === CONTROL.denied) page.denied.push(JSON.parse(data) as Denied);
	else if (event === CONTROL.subscribed) page.subscribed.push(JSON.parse(data) as Subscribed);
	else if (event === CONTROL.ended) page.ended.push(JSON.parse(data) as Ended);
	else if (event === CONTROL.signedOut) {
		throw new LoglineError('unauthorized', (JSON.parse(data) as { reason: string }).reason, 401);
	} else if (event === CONTROL.caughtUp) {
		const { log, user } = JSON.parse(data) as CaughtUp;
		Object.assign(page, { upToDate: true, log, user });
	}
}

/** Names what the client learns. The cursor is left out: it moves on with events that are not for this client. */
function tagOf({ events, gaps, denied, subscribed, ended, log }: Page): string {
	const hash = createHash('sha256');
	for (const text of events) hash.update(text);
	hash.update(JSON.stringify([gaps, denied, subscribed, ended, log]));
	return `W/"${hash.digest('base64url').slice(0, 22)}"`;
}

const asJson = ({ events, ...page }: Page) =>
	`{"events":[${events.join(',')}],${JSON.stringify(summary(page)).slice(1)}`;

/** One event on each line. The last line is the rest of the page. */
const asLines = ({ events, ...page }: Page) =>
	[...events, JSON.stringify(summary(page)), ''].join('\n');

const summary = ({
	cursor,
	upToDate,
	gaps,
	denied,
	subscribed,
	ended,
	log,
	user
}: Omit<Page, 'events'>) => ({
	cursor,
	upToDate,
	gaps,
	denied,
	subscribed,
	ended,
	log,
	user
});

const tooLarge = () =>
	new LoglineError(
		'page_too_large',
		'A topic is new to this client, and its history is too large for one page. Read it by a stream (accept: text/event-stream).',
		422
	);
