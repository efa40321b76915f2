/** What members do with rooms. Membership, and the event that tells of it, commit together. */
import { randomBytes } from 'node:crypto';
import { and, count, eq, sql } from 'drizzle-orm';
import { LoglineError } from 'logline';
import { roomMembers, rooms, users } from '$schema';
import type { User } from '$src/accounts/user.ts';
import type { App } from '$src/app/app.ts';
import type { Drizzle } from '$src/app/database.ts';
import { MAX_MEMBERS, MAX_MESSAGE, MAX_ROOM_NAME, MAX_ROOMS } from './limits.ts';
import { topicOf, type RoomKind, type RoomScope } from './reducer.ts';

type RoomsApp = Pick<App, 'logline'> & { database: Pick<App['database'], 'db'> };
type Transaction = Parameters<Parameters<Drizzle['transaction']>[0]>[0];
type RoomRow = Pick<typeof rooms.$inferSelect, 'kind' | 'id' | 'name'>;

/**
 * Makes a room. Its maker is its first member.
 *
 * @returns the scope of the room
 * @throws LoglineError `invalid_room`, `too_many_rooms`
 */
export async function createRoom(
	{ database, logline }: RoomsApp,
	user: User,
	typed: { kind: string; name: string }
): Promise<RoomScope> {
	const name = typed.name.trim();
	if (/^[\p{C}\p{Z}]*$/u.test(name)) throw refused('invalid_room', 'Give the room a name.');
	if (name.length > MAX_ROOM_NAME) {
		throw refused('invalid_room', `The name of a room has at most ${MAX_ROOM_NAME} characters.`);
	}
	if (/\p{Cc}/u.test(name)) throw refused('invalid_room', 'The name of a room is one line.');
	if (!isKind(typed.kind)) throw refused('invalid_room', 'A room is open or confidential.');
	const room: RoomRow = { kind: typed.kind, id: randomBytes(10).toString('hex'), name };
	await database.db.transaction(async (tx) => {
		await tx.insert(rooms).values(room);
		await admit(tx, room, user);
		await tellMembers({ logline }, tx, room, user, 'created');
	});
	await logline.settle(user.id);
	return scopeOfRow(room);
}

/**
 * Lets another user into a room.
 *
 * @param member who invites
 * @throws LoglineError `not_a_member`, `unknown_user`, `already_there`, `room_full`, `too_many_rooms`
 */
export async function invite(
	{ database, logline }: RoomsApp,
	member: User,
	scope: string,
	username: string
): Promise<void> {
	const guest = await database.db.transaction(async (tx) => {
		const room = await lockRoom(tx, member, scope);
		const guest = await findUser(tx, username.trim());
		if (await isMember(tx, room, guest)) {
			throw refused('already_there', `${guest.name} is in this room already.`);
		}
		const [{ members } = { members: 0 }] = await tx
			.select({ members: count() })
			.from(roomMembers)
			.where(ofRoom(room));
		if (members >= MAX_MEMBERS) {
			throw refused('room_full', `A room has at most ${MAX_MEMBERS} members.`);
		}
		await admit(tx, room, guest);
		await tellMembers({ logline }, tx, room, guest, 'joined');
		return guest;
	});
	// A message that overtook the grant would be hidden from the guest in a confidential room.
	await logline.settle(guest.id);
}

/**
 * Takes a user out of a room. The last member who leaves takes the room along.
 *
 * @throws LoglineError `not_a_member`
 */
export async function leave(
	{ database, logline }: RoomsApp,
	user: User,
	scope: string
): Promise<void> {
	await database.db.transaction(async (tx) => {
		const room = await lockRoom(tx, user, scope);
		await tx.delete(roomMembers).where(and(ofRoom(room), eq(roomMembers.userId, user.id)));
		const left = await tellMembers({ logline }, tx, room, user, 'left');
		if (left === 0)
			await tx.delete(rooms).where(and(eq(rooms.kind, room.kind), eq(rooms.id, room.id)));
	});
}

/**
 * Says something in a room.
 *
 * @throws LoglineError `not_a_member`, `invalid_message`
 */
export async function say(
	{ database, logline, logger }: RoomsApp & Pick<App, 'logger'>,
	user: User,
	scope: string,
	typed: string
): Promise<void> {
	const text = typed.trim();
	if (/^[\p{C}\p{Z}]*$/u.test(text)) throw refused('invalid_message', 'Type a message.');
	if (text.length > MAX_MESSAGE) {
		throw refused('invalid_message', `A message has at most ${MAX_MESSAGE} characters.`);
	}
	const room = await findRoom(database.db, scope);
	if (!room || !(await isMember(database.db, room, user))) throw notAMember();
	const data = { type: 'message', text, ...factsOf(room, user) } as const;
	const topic = topicOf(scopeOfRow(room));
	const { id } = await logline.emit({ event: topic, data });
	// Who writes has read, also on a page without JavaScript. It is said already, so a failure here is none of the form.
	await logline.markRead(user, topic, id).catch((error: unknown) => {
		logger.warn({ err: error, topic }, 'the author of a message keeps it unread');
	});
}

/** Adds the row of a member, which is also the grant. */
async function admit(tx: Transaction, room: RoomRow, user: User): Promise<void> {
	// One at a time for each user: otherwise two rooms at once could pass the limit.
	await tx.select({ id: users.id }).from(users).where(eq(users.id, user.id)).for('no key update');
	const [{ taken } = { taken: 0 }] = await tx
		.select({ taken: count() })
		.from(roomMembers)
		.where(eq(roomMembers.userId, user.id));
	if (taken >= MAX_ROOMS) {
		throw refused('too_many_rooms', `${user.name} is in ${MAX_ROOMS} rooms: that is the limit.`);
	}
	await tx.insert(roomMembers).values({ kind: room.kind, roomId: room.id, userId: user.id });
}

/**
 * Emits that the members have changed. It is emitted after the change, so a new member sees it.
 *
 * @returns how many members there are now
 */
async function tellMembers(
	{ logline }: Pick<RoomsApp, 'logline'>,
	tx: Transaction,
	room: RoomRow,
	user: User,
	type: 'created' | 'joined' | 'left'
): Promise<number> {
	const rows = await tx
		.select({ name: users.username })
		.from(roomMembers)
		.innerJoin(users, eq(users.id, roomMembers.userId))
		.where(ofRoom(room))
		.orderBy(roomMembers.joinedAt, users.username);
	const members = rows.map(({ name }) => name);
	const data = { type, members, ...factsOf(room, user) };
	await logline.emit({ event: topicOf(scopeOfRow(room)), data }, tx);
	return members.length;
}

/**
 * Finds a room in which the user is. Until the end of the transaction, nobody else changes its members: so the names that
 * {@link tellMembers} reads are the truth.
 */
async function lockRoom(tx: Transaction, user: User, scope: string): Promise<RoomRow> {
	const room = await findRoom(tx, scope, true);
	if (!room || !(await isMember(tx, room, user))) throw notAMember();
	return room;
}

async function findRoom(
	on: Drizzle | Transaction,
	scope: string,
	lock = false
): Promise<RoomRow | undefined> {
	const [, kind = '', id = ''] = /^([a-z]+)\/([a-z0-9]{1,64})$/.exec(scope) ?? [];
	if (!isKind(kind)) return undefined;
	const { id: idColumn, name, kind: kindColumn } = rooms;
	const query = on
		.select({ kind: kindColumn, id: idColumn, name })
		.from(rooms)
		.where(and(eq(kindColumn, kind), eq(idColumn, id)));
	const [room] = await (lock ? query.for('update') : query);
	return room;
}

async function isMember(on: Drizzle | Transaction, room: RoomRow, user: User): Promise<boolean> {
	const found = await on
		.select({ userId: roomMembers.userId })
		.from(roomMembers)
		.where(and(ofRoom(room), eq(roomMembers.userId, user.id)));
	return found.length > 0;
}

async function findUser(tx: Transaction, username: string): Promise<User> {
	const isName = /^[A-Za-z0-9_.-]{1,64}$/.test(username);
	const [found] = isName
		? await tx
				.select({ id: users.id, name: users.username })
				.from(users)
				.where(eq(sql`lower(${users.username})`, username.toLowerCase()))
		: [];
	if (!found) {
		const shown = username.slice(0, 40);
		throw refused('unknown_user', shown ? `There is no user “${shown}”.` : 'Type a user name.');
	}
	return found;
}

const isKind = (kind: string): kind is RoomKind => kind === 'rooms' || kind === 'vaults';

const ofRoom = ({ kind, id }: RoomRow) =>
	and(eq(roomMembers.kind, kind), eq(roomMembers.roomId, id));

const scopeOfRow = ({ kind, id }: RoomRow): RoomScope => `${kind}/${id}`;

const factsOf = ({ name }: RoomRow, user: User) => ({
	room: name,
	user: { id: user.id, name: user.name },
	timestamp: new Date().toISOString()
});

const refused = (code: string, message: string) => new LoglineError(code, message, 400);
const notAMember = () => new LoglineError('not_a_member', 'You are not in this room.', 403);
