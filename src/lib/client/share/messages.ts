import type { Needs } from './needs.ts';
import type { Said } from './standing.ts';

/**
 * What tabs tell each other. They are of one origin, so they trust each other. Another version of these messages needs
 * another name of the channel, because tabs with older scripts stay open.
 */
export const VERSION = 3;

/** A place in the numbered broadcast of a leader. */
export interface Place {
	/** Whose events, and of which log: see {@link groupOf}. */
	group: string;
	/** See `nextLeader`. A later one is larger, if the clock is right. */
	leader: string;
	/** Number of the last block that was broadcast. */
	n: number;
}

export type Message =
	/** A tab begins, or another leader has begun: this is what it needs. */
	| { kind: 'hello'; from: string; user: string | null; needs: Needs }
	/** The tab needs nothing any more. */
	| { kind: 'gone'; from: string }
	/**
	 * A stream of the leader begins. It sends everything that is owed after `position`, for these needs. null: it began
	 * earlier, so nobody can go on with it.
	 */
	| (Place & { kind: 'start'; needs: Needs; position: string | null })
	/** To a tab that said hello. Everything up to `position` has been broadcast. */
	| Welcome
	/** The next block of the leader's stream. */
	| Block
	/** Are you there? */
	| { kind: 'ping'; group: string; leader: string }
	| (Place & { kind: 'pong' })
	/** Nobody can rely on this broadcast any more. */
	| (Place & { kind: 'end' });

export interface Welcome extends Place {
	kind: 'welcome';
	to: string;
	needs: Needs;
	/** Topics and wildcards that the server does not carry on the leader's stream. */
	lacks: readonly string[];
	position: string;
	/** What has been said and still holds. */
	standing: readonly Said[];
}

export interface Block extends Place {
	kind: 'block';
	name: string;
	id: string;
	data: string;
}

/** Returns the name of all tabs that can share: the events of one user in one log. */
export const groupOf = (user: string, log: string): string => JSON.stringify([user, log]);

/** Returns the user of a group. */
export const userOf = (group: string): string =>
	(JSON.parse(group) as [user: string, log: string])[0];
