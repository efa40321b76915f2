import { and, desc, eq, inArray, sql } from 'drizzle-orm';
import { LoglineError } from 'logline';
import { roomMembers, rooms, users } from '$schema';
import type { User } from '$src/accounts/user.ts';
import type { App } from '$src/app/app.ts';
import { topicOf, type Room, type RoomScope } from './reducer.ts';

/** How many rooms come with their history. A wildcard brings the others: a stream names at most 32 topics. */
const WITH_HISTORY = 20;

/** Other topics of the page: messages and typing by wildcards, of both kinds of rooms, and mails. */
const OTHERS = 5;

/** How often to read again because a membership has ended meanwhile. */
const ATTEMPTS = 5;

type RoomsApp = Pick<App, 'logline' | 'config'> & { database: Pick<App['database'], 'db'> };

/**
 * Reads what a page of rooms begins with: the rooms of the viewer, the history of some of them, and the position in the log
 * up to which this history is complete. Mails about rooms are in it, too.
 *
 * @param wanted the scope of a room whose history must be there, if the viewer is in it
 */
export async function readFirstState(app: RoomsApp, viewer: User, wanted: string | null) {
	const most = Math.max(1, Math.min(WITH_HISTORY, app.config.maxTopics - OTHERS));
	for (let attempt = 1; ; attempt++) {
		const settled = await app.logline.settle(viewer.id);
		const all = await readRooms(app, viewer);
		const shown = all.filter(({ scope }) => scope === wanted);
		const others = all.filter(({ scope }) => scope !== wanted);
		const topics = [...shown, ...others].slice(0, most).map(({ scope }) => topicOf(scope));
		// Without history while the log is behind, and at last: then the stream brings it.
		const named = settled && attempt < ATTEMPTS ? topics : [];
		try {
			const first = await app.logline.read(viewer, [...named, 'room-mail' as const]);
			const readMarkers = named.length > 0 ? await app.logline.unread(viewer, named) : {};
			return { ...first, rooms: all, named, readMarkers };
		} catch (error) {
			// A membership has ended between the two reads.
			if (!(error instanceof LoglineError && error.code === 'forbidden_topic')) throw error;
		}
	}
}

/** Reads the rooms of a user, the newest first, without their history. */
async function readRooms({ database }: RoomsApp, { id: userId }: User): Promise<Room[]> {
	const mine = database.db
		.select({ id: roomMembers.roomId })
		.from(roomMembers)
		.where(eq(roomMembers.userId, userId));
	const since = sql`max(${roomMembers.joinedAt}) FILTER (WHERE ${roomMembers.userId} = ${userId})`;
	const rows = await database.db
		.select({
			kind: rooms.kind,
			id: rooms.id,
			name: rooms.name,
			members:
				sql`json_agg(${users.username} ORDER BY ${roomMembers.joinedAt}, ${users.username})::text`.mapWith(
					(names: string) => JSON.parse(names) as string[]
				)
		})
		.from(rooms)
		.innerJoin(roomMembers, and(eq(roomMembers.kind, rooms.kind), eq(roomMembers.roomId, rooms.id)))
		.innerJoin(users, eq(users.id, roomMembers.userId))
		.where(inArray(rooms.id, mine))
		.groupBy(rooms.kind, rooms.id)
		.having(sql`bool_or(${roomMembers.userId} = ${userId})`)
		.orderBy(desc(since), rooms.id);
	return rows.map(({ kind, id, name, members }) => {
		const scope: RoomScope = `${kind}/${id}`;
		return { scope, name, members, lines: [] };
	});
}
