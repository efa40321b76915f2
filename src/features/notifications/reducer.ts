/**
 * The inbox as a fold over its events. The server-rendered page and the browser use the same functions. What is read is no part
 * of it: a read marker says it, as a position in the log.
 */
import { compareIds, type SSETopicsMap } from 'logline';
import { textsOf } from '$src/ui/text-of.ts';

export type Notification = SSETopicsMap['notifications'];

/** A notification with its place in the log. */
export interface InboxEntry extends Notification {
	readonly eventID: string;
}

/** An event of the inbox. */
export type InboxEvent =
	| { id: string; topic: 'notifications'; data: Notification }
	| { id: string; topic: 'inbox'; data: SSETopicsMap['inbox'] };

/** Never changed in place. */
export interface InboxState {
	/** Newest first, also those that the user has cleared: clearing can be undone. */
	readonly entries: readonly InboxEntry[];
	/** Entries up to this event are cleared. */
	readonly clearedUpTo: string;
}

/** How many notifications the view keeps while its newest is in view. The log has the rest. */
export const MAX_NOTIFICATIONS = 50;

/** Nothing is cleared or read up to here. */
export const NOTHING = '0';

export const initialInbox: InboxState = Object.freeze({
	entries: Object.freeze([]),
	clearedUpTo: NOTHING
});

/**
 * Returns the inbox after one more event.
 *
 * @param event the next event of its topic, in id order; each event only once
 * @param most how many entries it keeps
 * @returns a new state
 */
export function reduceInbox(state: InboxState, event: InboxEvent, most: number): InboxState {
	if (event.topic === 'inbox') {
		const { clearedUpTo } = event.data;
		// Any SQL client may publish, so it may be anything.
		return isID(clearedUpTo) ? { ...state, clearedUpTo } : state;
	}
	const entry = toEntry(event);
	return { ...state, entries: [entry, ...state.entries.slice(0, most - 1)] };
}

/** Returns a notification as it is shown: all of it is text, whatever was published. */
export function toEntry({ id, data }: { id: string; data: unknown }): InboxEntry {
	const { type, ...texts } = textsOf(data, 'id', 'type', 'message', 'timestamp');
	// The type may still be one that nobody knows.
	return { ...texts, type: type as Notification['type'], eventID: id };
}

/** Returns the inbox with older entries. */
export const addOlder = (state: InboxState, older: readonly InboxEntry[]): InboxState => ({
	...state,
	entries: [...state.entries, ...older]
});

/** Returns the inbox before its notifications are sent again. What is cleared stays so. */
export const emptyInbox = (state: InboxState): InboxState => ({ ...state, entries: [] });

/** Returns the entries that are shown, newest first. */
export const shownOf = ({ entries, clearedUpTo }: InboxState): readonly InboxEntry[] =>
	entries.filter((entry) => isAfter(entry, clearedUpTo));

/** Counts the shown entries that are not read: {@link MAX_NOTIFICATIONS} means so many or more. */
export const unreadOf = (state: InboxState, marker: string): number =>
	shownOf(state).filter((entry) => isAfter(entry, marker)).length;

/** @returns true when the entry is after this position: the read marker, or the end of what is cleared */
export const isAfter = ({ eventID }: InboxEntry, position: string): boolean =>
	compareIds(eventID, position) > 0;

/** @returns a count as it is shown: the view does not know how many more than its entries there are */
export const countText = (count: number): string =>
	count < MAX_NOTIFICATIONS ? String(count) : `${MAX_NOTIFICATIONS}+`;

const isID = (value: unknown) => typeof value === 'string' && /^\d{1,19}$/.test(value);
