/**
 * Rooms and who may see them. `access: 'granted'`: a topic is open to users with a grant for its scope, such as `rooms/42`.
 * Here grants come from the table `room_members` (migrations/0004_room_members.sql), so nothing else has to be asked.
 */
import * as v from 'valibot';
import { defineTopics, type PayloadsOf } from 'logline';
import { MAX_MEMBERS, MAX_MESSAGE, MAX_ROOM_NAME, TYPING_MS } from './limits.ts';

const user = v.object({ id: v.string(), name: v.string() });
const base = {
	/** Name of the room. Each event has it, so that a page knows the room from whichever event comes first. */
	room: v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_ROOM_NAME)),
	/** Who acts: the author, or the user who made, joined or left the room. */
	user,
	/** ISO 8601, UTC. */
	timestamp: v.pipe(v.string(), v.isoTimestamp())
};
/** Names of all members afterwards. */
const members = v.pipe(v.array(v.string()), v.maxLength(MAX_MEMBERS));

const schema = v.variant('type', [
	v.object({
		...base,
		type: v.literal('message'),
		text: v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_MESSAGE))
	}),
	v.object({ ...base, type: v.picklist(['created', 'joined', 'left']), members })
]);

const room = { schema, access: 'granted', replay: { last: 200 }, presence: true } as const;

/** Somebody types. It is sent again while it lasts, and ends by itself. */
const typing = {
	schema: v.strictObject({}),
	access: 'granted',
	durable: false,
	send: 'clients',
	ttl: TYPING_MS
} as const;

export const topics = defineTopics({
	'rooms/[room]/messages': { ...room, description: 'An open room: all history for new members.' },
	'vaults/[room]/messages': {
		...room,
		history: 'since-granted',
		description: 'A confidential room: no history from before a member joined.'
	},
	'rooms/[room]/typing': typing,
	'vaults/[room]/typing': typing,
	/** What stayed unread in a room, for the member who has not read it (mail.server.ts). */
	'room-mail': {
		schema: v.object({
			scope: v.pipe(v.string(), v.regex(/^(rooms|vaults)\//)),
			/** Name of the room. */
			room: v.string(),
			/** Who wrote the first of the unread messages. */
			from: v.string(),
			/** Id of its event. */
			first: v.pipe(v.string(), v.regex(/^\d{1,19}$/)),
			/** How many there were; 100: so many or more. */
			unread: v.pipe(v.number(), v.integer()),
			/** ISO 8601, UTC. */
			timestamp: v.pipe(v.string(), v.isoTimestamp())
		}),
		replay: { last: 20 },
		retention: { seconds: 30 * 86_400 },
		description: 'Mails of what stayed unread in a room for ten minutes.'
	}
});

declare module 'logline' {
	interface SSETopicsMap extends PayloadsOf<typeof topics> {}
}
