import type { PresentUser } from '../../../protocol/index.ts';
import type { PresenceRow } from '../../log/presence.ts';
import type { Feed } from './feed.ts';

/** Who is present in one scope, as this process knows it and has told its streams. */
export class ScopeList {
	readonly feeds = new Set<Feed>();
	/** User id → row. null: not read yet. */
	#users: Map<string, PresenceRow> | null = null;

	/** @param needs see `WatchedScope` */
	constructor(
		readonly scope: string,
		readonly needs: readonly string[]
	) {}

	/** Everybody who is there; null: not known yet. */
	get users(): PresentUser[] | null {
		return this.#users && [...this.#users.values()].map(presentUser);
	}

	/**
	 * Takes what was read, and tells the streams what has changed.
	 *
	 * @param complete false: rows may be missing, so nobody is told to have left
	 */
	update(rows: readonly PresenceRow[], complete: boolean): void {
		const next = new Map(rows.map((row) => [row.userId, row]));
		const before = this.#users;
		if (!before) {
			this.#users = next;
			for (const feed of this.feeds) feed.tell({ scope: this.scope, users: this.users! });
			return;
		}
		const joined = rows.filter(({ userId, name, state }) => {
			const known = before.get(userId);
			return known?.name !== name || known.state !== state;
		});
		const left = [...before.keys()].filter((userId) => !next.has(userId));
		if (!complete) for (const userId of left.splice(0)) next.set(userId, before.get(userId)!);
		this.#users = next;
		if (joined.length + left.length === 0) return;
		const change = { scope: this.scope, joined: joined.map(presentUser), left };
		for (const feed of this.feeds) feed.tell(change);
	}

	/** A grant has ended: the user is not there any more, whoever has written the row. */
	remove(userId: string): void {
		if (!this.#users?.delete(userId)) return;
		for (const feed of this.feeds) feed.tell({ scope: this.scope, joined: [], left: [userId] });
	}
}

export const presentUser = ({ userId, name, state }: PresenceRow): PresentUser => ({
	id: userId,
	name,
	state: JSON.parse(state) as PresentUser['state']
});
