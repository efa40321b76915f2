import type { ReadMarker } from 'logline';
import { StreamRefused } from 'logline/client';
import {
	addOlder,
	emptyInbox,
	initialInbox,
	isAfter,
	MAX_NOTIFICATIONS,
	NOTHING,
	reduceInbox,
	shownOf,
	toEntry,
	unreadOf,
	type InboxEntry,
	type InboxEvent,
	type InboxState
} from '$src/features/notifications/reducer.ts';
import { Older } from './history/older.svelte.ts';
import type { Notice } from './notice.ts';
import { SignedOut } from './signed-out.ts';

/** A longer request is given up, in milliseconds. To send it again is harmless. */
const TIMEOUT_MS = 15_000;

/** What the inbox needs of the page. */
export interface InboxParts {
	/** How far the viewer has read, on any device. Reactive. */
	marker: () => ReadMarker | undefined;
	/** Moves the marker. It rejects when that fails. */
	markRead: (id: string) => Promise<unknown>;
	fetch: typeof fetch;
	announce: (notice: Notice) => void;
}

/**
 * The notifications of the viewer: which are shown, and which are unread. Both are known to the server, so every device shows the
 * same. Clearing is an event that is written at once, and to undo it is another one: a tab that is closed in between loses
 * neither what the reader asked for nor a notification.
 */
export class Inbox {
	#state = $state.raw<InboxState>(initialInbox);
	readonly #parts: InboxParts;
	/** Never rejects. */
	#last: Promise<unknown> = Promise.resolve();
	readonly #shown = $derived(shownOf(this.#state));
	/** Notifications before those that are shown. */
	readonly older: Older;

	constructor(parts: InboxParts) {
		this.#parts = parts;
		this.older = new Older({
			topic: 'notifications',
			oldest: () => this.#state.entries.at(-1)?.eventID ?? null,
			// Once some are cleared, all older ones are, too.
			count: () => (this.hasCleared ? 0 : this.#shown.length),
			usual: MAX_NOTIFICATIONS,
			add: (events) => {
				this.#state = addOlder(this.#state, events.map(toEntry));
			},
			fetch: parts.fetch
		});
	}

	/** Newest first. */
	get shown(): readonly InboxEntry[] {
		return this.#shown;
	}

	/** How many of the shown are unread. */
	get unread(): number {
		return unreadOf(this.#state, this.#marker);
	}

	/** True when the view has entries that the reader has cleared. */
	get hasCleared(): boolean {
		return this.#shown.length < this.#state.entries.length;
	}

	isUnread(entry: InboxEntry): boolean {
		return isAfter(entry, this.#marker);
	}

	fold(event: InboxEvent): void {
		const { length } = this.#state.entries;
		this.#state = reduceInbox(this.#state, event, this.older.room);
		if (this.#state.entries.length <= length) this.older.dropped();
	}

	/** Call it for an event that has just come, once it is folded. */
	tell(eventID: string): void {
		const [newest] = this.#shown;
		if (newest?.eventID === eventID && newest.message !== '' && this.isUnread(newest)) {
			this.#parts.announce({ tone: 'news', text: newest.message });
		}
	}

	/** Call it before the notifications are sent again. */
	empty(): void {
		this.#state = emptyInbox(this.#state);
		this.older.dropped();
	}

	/** Marks everything that is shown as read. */
	markAllRead = async (): Promise<void> => {
		const [newest] = this.#shown;
		if (newest && this.unread > 0) await this.#save(() => this.#parts.markRead(newest.eventID));
	};

	/** Hides what is shown. It can be undone. */
	clear = async (): Promise<void> => {
		const [newest] = this.#shown;
		if (!newest) return;
		const before = this.#state.clearedUpTo;
		const isSaved = await this.#clearUpTo(newest.eventID);
		const undo = async () => {
			await this.#clearUpTo(before);
		};
		if (isSaved) this.#parts.announce({ tone: 'done', text: 'Notifications cleared.', undo });
	};

	/** Shows again what was cleared, as far as the view has it. */
	showCleared = async (): Promise<void> => {
		await this.#clearUpTo(NOTHING);
	};

	get #marker(): string {
		return this.#parts.marker()?.id ?? NOTHING;
	}

	#clearUpTo(clearedUpTo: string): Promise<boolean> {
		return this.#save(async () => {
			const response = await this.#parts.fetch('/api/inbox', {
				method: 'POST',
				headers: { 'content-type': 'application/json' },
				body: JSON.stringify({ clearedUpTo }),
				signal: AbortSignal.timeout(TIMEOUT_MS)
			});
			if (response.status === 401) throw new SignedOut();
			if (!response.ok) throw new Error(`The server answered ${response.status}.`);
		});
	}

	/**
	 * Saves one change at a time: what the reader asks for meanwhile comes next.
	 *
	 * @returns false when it failed; the reader was told
	 */
	#save(work: () => Promise<unknown>): Promise<boolean> {
		const saved = this.#last.then(async () => {
			try {
				await work();
				return true;
			} catch (error) {
				// For the reader there is one remedy, except when the session has ended.
				const text = isSignedOut(error)
					? new SignedOut().message
					: 'That was not saved. Try again.';
				this.#parts.announce({ tone: 'problem', text });
				return false;
			}
		});
		this.#last = saved;
		return saved;
	}
}

const isSignedOut = (error: unknown) =>
	error instanceof SignedOut || (error instanceof StreamRefused && error.status === 401);
