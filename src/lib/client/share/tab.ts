import type { EventSourceConstructor } from '../source.ts';
import type { Lead } from './lead.ts';
import type { Message } from './messages.ts';
import type { Needs } from './needs.ts';
import type { SharedRequest } from './request.ts';
import type { Standing } from './standing.ts';

/** A source of a tab, as the tab sees it. */
export interface TabSource {
	readonly request: SharedRequest;
	/** What its own stream has sent so far. */
	readonly now: { position: string; standing: Standing };
	/** It has a stream of its own that has not caught up. */
	readonly isCatchingUp: boolean;
	/** Another tab has said something. */
	hear(message: Message): void;
	/** Lets go of everything, but stays the source of its client. */
	suspend(): void;
}

/** What a source needs of its tab. A client counts as a tab of its own. */
export interface Tab {
	/** Another one when it comes back. */
	readonly id: string;
	/** EventSource of the browser. */
	readonly RealEventSource: EventSourceConstructor;
	/** The broadcast that this tab leads; null: it does not lead. */
	readonly lead: Lead | null;
	/**
	 * A source begins.
	 *
	 * @returns the broadcast that it must feed from its start, if this tab leads
	 */
	begin(source: TabSource): Lead | null;
	/** A source has ended. If no other begins at once, this tab has no part in the group. */
	ended(source: TabSource): void;
	/**
	 * Waits until this tab may catch up, but not for ever.
	 *
	 * @param over ends the wait
	 * @returns a function that ends the turn
	 */
	takeTurn(over: AbortSignal): Promise<() => void>;
	/** @param user null: any */
	hasLeader(user: string | null): Promise<boolean>;
	/** Returns what a stream that this tab leads carries. */
	carried(own: Needs): Needs;
	/** Says what this tab needs. */
	hello(request: SharedRequest): void;
	post(message: Message): void;
	/**
	 * Tries to lead.
	 *
	 * @param byForce the leader does not respond
	 * @returns true when it leads
	 */
	contend(group: string, byForce: boolean): Promise<boolean>;
	/** @returns true when it is its turn to lead */
	hasWon(group: string): boolean;
	/** Leads with a stream that has begun earlier. */
	leadFrom(source: TabSource): void;
	/** Leads when the leader is gone, and those who wait already. */
	queue(group: string): void;
	/** Leads instead of a leader that does not respond. */
	seize(group: string): void;
	/** The broadcast has a hole: every tab goes on by itself. */
	endLead(): void;
	/** @param withOthers the real stream of the source carries needs of others */
	opened(withOthers: boolean): void;
	/** The server has refused a stream with needs of others: another source begins at once, without them. */
	refused(): void;
	/** The real stream of the source is lost. */
	lost(): void;
	debug(text: string, ...details: unknown[]): void;
}
