/**
 * The rooms of a viewer as a fold over their events. The server-rendered page and the browser use the same functions, so the
 * browser can continue after any event.
 */
import { compareIds, type SSETopicsMap } from 'logline';
import { textOf, textsOf } from '$src/ui/text-of.ts';

export type RoomKind = 'rooms' | 'vaults';

/** Kind and id of a room, as in grants: `rooms/42`. */
export type RoomScope = `${RoomKind}/${string}`;

/** A topic of this feature. */
export type RoomTopic = `${RoomScope}/messages`;

type Payload = SSETopicsMap['rooms/[room]/messages'];

/** An event of a room. */
export interface RoomEvent {
	id: string;
	topic: string;
	data: Payload;
}

/** What is shown of an event. */
export interface Line {
	/** Id of the event. */
	readonly id: string;
	readonly type: Payload['type'];
	readonly user: { readonly id: string; readonly name: string };
	/** Empty unless the line is a message. */
	readonly text: string;
	readonly timestamp: string;
}

export interface Room {
	readonly scope: RoomScope;
	readonly name: string;
	/** Names of the members, as far as the newest events say. */
	readonly members: readonly string[];
	/** Oldest first. */
	readonly lines: readonly Line[];
}

/** A mail about a room. */
export type Mail = SSETopicsMap['room-mail'];

/** The last mail about each room. */
export type Mails = Readonly<Record<string, Mail>>;

/** The state of the page. It is never changed in place. */
export interface RoomsState {
	/** The newest of the viewer's rooms first. */
	readonly rooms: readonly Room[];
	/** Name of the room that the viewer was last removed from, or left; null: nothing to tell. */
	readonly gone: string | null;
}

/** How many lines of a room the page keeps. The log has the rest. */
export const MAX_LINES = 200;

export const noRooms: RoomsState = Object.freeze({ rooms: Object.freeze([]), gone: null });

/** The topic of a scope. */
export const topicOf = (scope: RoomScope): RoomTopic => `${scope}/messages`;

/** The scope of a topic of this feature. */
export const scopeOf = (topic: string): RoomScope => topic.replace(/\/[^/]*$/, '') as RoomScope;

/** New members of the room see nothing from before they joined. */
export const isConfidential = ({ scope }: Pick<Room, 'scope'>): boolean =>
	scope.startsWith('vaults/');

/** The topic of who types in a scope. */
export const typingIn = (scope: RoomScope): `${RoomScope}/typing` => `${scope}/typing`;

/**
 * Counts what a viewer has not read of a room: messages of others after the marker.
 *
 * @param marker id of the newest event that was read; undefined: none was
 */
export const unreadIn = ({ lines }: Room, userID: string, marker = '0'): number =>
	lines.filter(
		({ id, type, user }) => type === 'message' && user.id !== userID && compareIds(id, marker) > 0
	).length;

/** Any SQL client may publish, so not every payload is checked. A page shows only those for which this returns true. */
export function isPayload(data: unknown): data is Payload {
	const { room, user } = (data ?? {}) as Partial<Payload>;
	return typeof room === 'string' && typeof user?.name === 'string';
}

/**
 * Returns the rooms after one more event. The first event of a room that was not there brings the room.
 *
 * @param event the next event of its topic, in id order; each event only once
 * @returns a new state
 */
export function reduceRooms(state: RoomsState, { id, topic, data }: RoomEvent): RoomsState {
	const scope = scopeOf(topic);
	const known = state.rooms.find((room) => room.scope === scope);
	const line: Line = {
		id,
		// It may be one that nobody knows.
		type: textOf(data.type) as Line['type'],
		user: textsOf(data.user, 'id', 'name'),
		text: data.type === 'message' ? textOf(data.text) : '',
		timestamp: textOf(data.timestamp)
	};
	const room: Room = {
		scope,
		name: data.room,
		members: membersIn(data) ?? known?.members ?? [],
		lines: [...(known?.lines ?? []).slice(1 - MAX_LINES), line]
	};
	return {
		gone: known ? state.gone : null,
		rooms: known ? state.rooms.map((old) => (old === known ? room : old)) : [room, ...state.rooms]
	};
}

/** @returns null when the event does not say who the members are */
function membersIn(data: object): readonly string[] | null {
	const members: unknown = 'members' in data ? data.members : null;
	const isList = Array.isArray(members) && members.every((name) => typeof name === 'string');
	return isList ? members : null;
}

/** Returns the rooms after the viewer has lost one: everything that the page has of it goes. */
export function dropRoom(state: RoomsState, topic: string): RoomsState {
	const lost = state.rooms.find(({ scope }) => scope === scopeOf(topic));
	if (!lost) return state;
	return { rooms: state.rooms.filter((room) => room !== lost), gone: lost.name };
}

/** Returns the mails after one more. Any SQL client may publish: what cannot be shown changes nothing. */
export function reduceMails(mails: Mails, mail: Mail): Mails {
	const { scope, first, timestamp, unread } = (mail ?? {}) as Partial<Record<keyof Mail, unknown>>;
	const isMail = [scope, first, timestamp].every((value) => typeof value === 'string');
	return isMail && typeof unread === 'number' ? { ...mails, [mail.scope]: mail } : mails;
}

/**
 * Returns the mail about what a viewer has not read of a room; null: there is none yet.
 *
 * @param marker id of the newest event that was read; undefined: none was
 */
export function mailAbout(mails: Mails, { scope }: Room, marker = '0'): Mail | null {
	const mail = mails[scope];
	return mail && compareIds(mail.first, marker) > 0 ? mail : null;
}

/** Returns the rooms before the history of one is sent again. */
export function emptyRoom(state: RoomsState, topic: string): RoomsState {
	const empty = (room: Room) => (room.scope === scopeOf(topic) ? { ...room, lines: [] } : room);
	return { ...state, rooms: state.rooms.map(empty) };
}
