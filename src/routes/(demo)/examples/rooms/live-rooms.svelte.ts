import {
	SSEClient,
	type ReadMarker,
	type SSEClientOptions,
	type TopicHandlers
} from 'logline/client';
import { MAX_PRESENT } from '$src/features/rooms/limits.ts';
import { compareIds, type Denied, type Gap, type SSETopicsMap } from 'logline';
import {
	dropRoom,
	emptyRoom,
	isPayload,
	mailAbout,
	noRooms,
	reduceMails,
	reduceRooms,
	topicOf,
	typingIn,
	unreadIn,
	type Mail,
	type Mails,
	type Room,
	type RoomScope,
	type RoomsState,
	type RoomTopic
} from '$src/features/rooms/reducer.ts';

type Topics = Pick<
	SSETopicsMap,
	| 'rooms/[room]/messages'
	| 'vaults/[room]/messages'
	| 'rooms/[room]/typing'
	| 'vaults/[room]/typing'
	| 'room-mail'
>;

/** What the page's `load` returns for the stream. */
export interface FirstRooms {
	/** All rooms of the viewer, without lines. */
	rooms: readonly Room[];
	/** Rooms' topics whose history is in `events`. That of `room-mail` always is. */
	named: readonly RoomTopic[];
	events: readonly { id: string; topic: string; data: unknown }[];
	/** How far the viewer has read them. */
	readMarkers: Readonly<Record<string, ReadMarker>>;
	cursor: string;
	log: string;
	userID: string;
}

/**
 * The rooms of the viewer, kept up to date by one stream.
 *
 * The stream begins with the rooms that the server has rendered: they are named, so they go on at the cursor. The wildcards
 * bring all other rooms, and every room that the viewer is let into from now on.
 */
export class LiveRooms {
	readonly stream: SSEClient<Topics>;
	#state = $state.raw<RoomsState>(noRooms);
	/** Scope of the room that is shown while the reader has chosen none. */
	#usual = $state.raw<RoomScope | null>(null);
	#mails = $state.raw<Mails>({});
	readonly #userID: string;
	#present = '';

	/** @param options for tests: replaces parts of the browser */
	constructor(start: FirstRooms, options: Pick<SSEClientOptions<Topics>, 'eventSource'> = {}) {
		this.#userID = start.userID;
		this.#become({ ...noRooms, rooms: start.rooms });
		for (const event of start.events) {
			if (event.topic === 'room-mail') this.#mails = reduceMails(this.#mails, event.data as Mail);
			else this.#fold(event.data, event);
		}
		const handle = (data: unknown, event: { id: string; topic: string }) => this.#fold(data, event);
		const topics: TopicHandlers<Topics> = {
			'rooms/*/messages': handle,
			'vaults/*/messages': handle,
			// `signals` has who types now.
			'rooms/*/typing': () => {},
			'vaults/*/typing': () => {},
			'room-mail': (mail) => {
				this.#mails = reduceMails(this.#mails, mail);
			}
		};
		for (const topic of start.named) topics[topic] = handle;
		this.stream = new SSEClient<Topics>('/api/events', {
			topics,
			start,
			readMarkers: start.readMarkers,
			presence: this.#scopes(),
			onDenied: (denied) => this.#deny(denied),
			onGap: (gap) => this.#passGap(gap),
			...options
		});
		this.#present = this.#scopes().join();
	}

	/** The newest first. */
	get rooms(): readonly Room[] {
		return this.#state.rooms;
	}

	/**
	 * Returns the room to show. It stays while the reader is in it: a room that comes first meanwhile takes no place of another.
	 *
	 * @param wanted scope of the room that the reader has chosen; null: none
	 */
	shown(wanted: string | null): Room | null {
		const scope = wanted ?? this.#usual;
		return this.rooms.find((room) => room.scope === scope) ?? null;
	}

	/** Name of the room that the viewer was last removed from, or left. */
	get gone(): string | null {
		return this.#state.gone;
	}

	/** Names of the other members who have the page open. */
	here({ scope }: Room): string[] {
		return this.stream
			.presence(scope)
			.filter(({ id }) => id !== this.#userID)
			.map(({ name }) => name)
			.sort();
	}

	/** Names of the other members who are typing. */
	typing({ scope }: Room): string[] {
		const signals = this.stream.signals(typingIn(scope));
		return signals.flatMap(({ from }) => (from && from.id !== this.#userID ? [from.name] : []));
	}

	unread(room: Room): number {
		return unreadIn(room, this.#userID, this.#marker(room));
	}

	/** The mail about what the viewer has not read of a room; null: there is none. */
	mail(room: Room): Mail | null {
		return mailAbout(this.#mails, room, this.#marker(room));
	}

	#marker({ scope }: Room): string | undefined {
		return this.stream.readMarkers[topicOf(scope)]?.id;
	}

	/** Call it when the viewer sees the newest lines of a room. */
	async markRead(room: Room): Promise<void> {
		const newest = room.lines.at(-1)?.id;
		if (newest === undefined || this.unread(room) === 0) return;
		// It is tried again with the next line. Until then, the room is unread.
		await this.stream.markRead(topicOf(room.scope), newest).catch(() => null);
	}

	/** Call it when the rooms have changed: the viewer is present in those that the page has now. */
	followRooms(): void {
		const scopes = this.#scopes();
		if (scopes.join() === this.#present) return;
		this.#present = scopes.join();
		this.stream.updatePresence({ scopes });
	}

	/** Sorted, so that a room that moves up in the list makes no new connection. */
	#scopes(): string[] {
		return this.rooms
			.slice(0, MAX_PRESENT)
			.map(({ scope }) => scope)
			.sort();
	}

	#fold(data: unknown, { id, topic }: { id: string; topic: string }): void {
		if (isPayload(data)) this.#become(reduceRooms(this.#state, { id, topic, data }));
	}

	#become(state: RoomsState): void {
		this.#state = state;
		const isThere = state.rooms.some(({ scope }) => scope === this.#usual);
		if (!isThere) this.#usual = state.rooms[0]?.scope ?? null;
	}

	#deny({ topic, reason }: Denied): void {
		if (reason === 'revoked' || reason === 'forbidden') this.#become(dropRoom(this.#state, topic));
	}

	#passGap({ topic, after, oldest, lost }: Gap): void {
		// The page shows events that the log has lost.
		if (lost !== undefined) location.reload();
		// The topic begins again, because the cursor is not of this log or the topic is new to this client.
		else if (after === '0' || oldest === null || compareIds(oldest, after) <= 0) {
			this.#state = emptyRoom(this.#state, topic);
		}
	}
}
