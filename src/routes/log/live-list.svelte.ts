/** The rows of the list: what the server rendered, older pages, and what comes meanwhile. */
import { SSEClient } from 'logline/client';
import { compareIds, fetchAs } from 'logline';
import type { ExploredPage, FoundEvent } from 'logline/server';
import { searchOf, type View } from './view.ts';

/** Rows that are kept. Older ones are on a page of their own. */
const MOST_ROWS = 5000;

/** Newer events that wait while the reader looks at others. Beyond it, they are read again. */
export const MOST_WAITING = 500;

/** Newer events of one request. */
const AT_ONCE = 200;

/** Shortest time between two requests, and the time after a failed one, in milliseconds. */
const PAUSE = { ms: 300, failed: 3000 };

/** A longer request is given up, in milliseconds. */
const TIMEOUT_MS = 15_000;

/** What the list begins with. */
export interface ListStart {
	view: View;
	list: ExploredPage;
	/** Topics of the stream. */
	live: readonly string[];
	userID: string;
}

/**
 * The stream only says that there is something new. What it is, the server is asked: it knows the filter, and for whom an event
 * is. So the list has the same events as after a reload.
 */
export class LiveList {
	/** Newest first. */
	rows = $state.raw<readonly FoundEvent[]>([]);
	/** Newest first: events that came while the reader looked at others. */
	waiting = $state.raw<readonly FoundEvent[]>([]);
	/** There are more that wait than are kept. */
	overflow = $state(false);
	/** There are older ones. */
	more = $state(false);
	loading = $state(false);
	/** Why the last request failed. */
	problem = $state<string | null>(null);
	signedOut = $state(false);
	/** The reader wants new events to appear. */
	wanted = $state(true);
	/** The newest event is in view. */
	atTop = $state(true);

	readonly #start: ListStart;
	readonly #fetch: typeof fetch;
	#cursor: string;
	#stream: SSEClient<Record<string, unknown>> | null = $state.raw(null);
	#dirty = false;
	#timer: ReturnType<typeof setTimeout> | undefined;
	readonly #ended = new AbortController();

	constructor(start: ListStart) {
		this.#start = start;
		this.#fetch = fetchAs(start.userID);
		this.#cursor = start.list.cursor;
		this.rows = start.list.events;
		this.more = start.list.more;
	}

	/** New events appear by themselves. */
	get following(): boolean {
		return this.wanted && this.atTop;
	}

	/** It is a page of old events: new ones would not be on it. */
	get isOld(): boolean {
		return this.#start.view.before !== '';
	}

	/** The list has as many rows as it keeps. */
	get full(): boolean {
		return this.rows.length >= MOST_ROWS;
	}

	/** The state of the stream, in a word. */
	get state(): 'live' | 'paused' | 'connecting' | 'off' {
		if (!this.#stream || this.signedOut) return 'off';
		if (this.#stream.status !== 'connected') return 'connecting';
		return this.following ? 'live' : 'paused';
	}

	/**
	 * Opens the stream. Call it in an effect.
	 *
	 * @returns a function that ends it
	 */
	open(): () => void {
		const { live, list, userID } = this.#start;
		if (live.length === 0 || this.isOld) return () => {};
		const heard = () => this.#look();
		this.#stream = new SSEClient<Record<string, unknown>>('/api/events', {
			topics: Object.fromEntries(live.map((topic) => [topic, heard])),
			lastEventID: list.cursor,
			log: list.log,
			userID,
			onDenied: ({ topic, reason }) => {
				if (reason === 'revoked' || reason === 'forbidden') this.#drop(topic);
			},
			onGap: heard,
			onSignedOut: () => {
				this.signedOut = true;
			}
		});
		// Nobody sees it while the page is hidden, so it looks when it is seen again.
		const seen = () => {
			if (this.#dirty) this.#look();
		};
		document.addEventListener('visibilitychange', seen, { signal: this.#ended.signal });
		return () => {
			this.#ended.abort();
			clearTimeout(this.#timer);
			this.#stream?.close();
		};
	}

	/** Shows what waits, and what comes. */
	follow(): void {
		this.wanted = true;
		this.atTop = true;
		this.#show();
	}

	/** Lets new events wait, or no longer. */
	toggle(): void {
		if (this.wanted) this.wanted = false;
		else this.follow();
	}

	/** Call it when the list was scrolled. */
	scrolled(atTop: boolean): void {
		this.atTop = atTop;
		if (this.following) this.#show();
	}

	/** Reads older events, once at a time. */
	async older(): Promise<void> {
		const last = this.rows.at(-1);
		if (this.loading || this.signedOut || !this.more || this.full || !last) return;
		this.loading = true;
		try {
			const page = await this.#ask({ ...this.#start.view, before: last.id }, 100);
			// Rows that were taken away meanwhile must not come back at the end.
			if (page && this.rows.at(-1)?.id === last.id) {
				this.rows = [...this.rows, ...page.events];
				this.more = page.more;
			}
		} finally {
			this.loading = false;
		}
	}

	#look(): void {
		this.#dirty = true;
		if (document.hidden || this.signedOut) return;
		this.#timer ??= setTimeout(() => void this.#lookNow(), 0);
	}

	async #lookNow(): Promise<void> {
		this.#dirty = false;
		const page = await this.#ask({ ...this.#start.view, after: this.#after() }, AT_ONCE);
		if (this.#ended.signal.aborted) return;
		if (page) {
			this.#cursor = page.cursor;
			this.#take(page);
		} else this.#dirty = true;
		this.#timer = setTimeout(
			() => {
				this.#timer = undefined;
				if (this.#dirty) this.#look();
			},
			page ? PAUSE.ms : PAUSE.failed
		);
	}

	#after(): string {
		const { after } = this.#start.view;
		return after !== '' && compareIds(after, this.#cursor) > 0 ? after : this.#cursor;
	}

	#take({ events, more }: ExploredPage): void {
		const newest = this.waiting[0]?.id ?? this.rows[0]?.id ?? '0';
		const added = events.filter(({ id }) => compareIds(id, newest) > 0);
		if (more || this.waiting.length + added.length > MOST_WAITING) {
			// There is a hole below them. Begin anew with these when the reader is back.
			this.overflow = true;
			this.waiting = events;
		} else this.waiting = [...added, ...this.waiting];
		if (this.following) this.#show();
	}

	#show(): void {
		if (this.overflow) {
			this.rows = this.waiting;
			this.more = true;
		} else if (this.waiting.length > 0) {
			const rows = [...this.waiting, ...this.rows];
			if (rows.length > MOST_ROWS) this.more = true;
			this.rows = rows.slice(0, MOST_ROWS);
		}
		this.overflow = false;
		this.waiting = [];
	}

	/** The viewer may not see the topic any more. */
	#drop(topic: string): void {
		this.rows = this.rows.filter((row) => row.topic !== topic);
		this.waiting = this.waiting.filter((row) => row.topic !== topic);
	}

	/** @returns null when it failed; `problem` or `signedOut` says why */
	async #ask(view: View, limit: number): Promise<ExploredPage | null> {
		const search = searchOf(view);
		try {
			const response = await this.#fetch(
				`/log/events.json${search}${search === '' ? '?' : '&'}limit=${limit}`,
				{ signal: AbortSignal.any([this.#ended.signal, AbortSignal.timeout(TIMEOUT_MS)]) }
			);
			if (response.status === 401) {
				this.signedOut = true;
				this.problem = null;
				return null;
			}
			const body = (await response.json()) as ExploredPage | { error: { message: string } };
			if ('error' in body) throw new Error(body.error.message);
			this.problem = null;
			return body;
		} catch (error) {
			if (!this.#ended.signal.aborted) this.problem = tellProblem(error);
			return null;
		}
	}
}

/** No answer, or none in time, is for the reader the same. */
const tellProblem = (error: unknown): string =>
	error instanceof TypeError || (error instanceof DOMException && error.name === 'TimeoutError')
		? 'The server cannot be reached.'
		: (error as Error).message;
