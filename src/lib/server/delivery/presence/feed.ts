import {
	CONTROL,
	presenceNeeds,
	type DeniedReason,
	type PresenceChange,
	type PresentUser,
	type TopicRegistry,
	type Viewer
} from '../../../protocol/index.ts';
import type { UserGrants } from '../../log/grants/read-grants.ts';
import { displayName } from '../../log/display-name.ts';
import type { Encoder, Sink } from '../sink.ts';

/** A client with more unsent bytes than this gets the whole list later, instead of each change. Bytes. */
const ROOM = 16_384;

/** What a stream asks for. */
export interface FeedRequest {
	viewer: Viewer;
	scopes: readonly string[];
	/** JSON text of an object. */
	state: string;
}

/** A scope that was given to the viewer, or taken back. */
export interface GrantChange {
	id: bigint;
	userId: string;
	scope: string;
	granted: boolean;
}

/** What a feed needs from its owner. */
export interface FeedOwner {
	enter(feed: Feed, scope: string, needs: readonly string[]): void;
	/** @param atOnce true: the user may not be there any more */
	exit(feed: Feed, scope: string, atOnce: boolean): void;
	/** Everybody who is present; null: not known yet. */
	users(scope: string): PresentUser[] | null;
	forget(feed: Feed): void;
}

/**
 * The presence of one stream: it makes its viewer present in the scopes that the stream asks for, and tells the stream who
 * else is. It hears of the viewer's grants from before they are read until the stream ends.
 */
export class Feed {
	readonly viewer: Viewer;
	/** Under which others see the viewer. */
	readonly name: string;
	readonly state: string;
	/** Scope → scopes of which one must be granted (none: no grant is needed). */
	readonly #needs = new Map<string, readonly string[]>();
	/** Scopes that can never be seen, to be told at the beginning. */
	readonly #refused = new Map<string, DeniedReason>();
	readonly #owner: FeedOwner;
	readonly #entered = new Set<string>();
	/** Scopes whose lists the client must get as a whole. */
	readonly #behind = new Set<string>();
	#granted = new Set<string>();
	/** The newest change that is in what was read. */
	#position = 0n;
	/** Changes that came before the grants were read. null: they were read. */
	#early: GrantChange[] | null = [];
	#sink: Sink | null = null;
	#encoder: Encoder | null = null;
	#ended = false;

	constructor(registry: TopicRegistry, { viewer, scopes, state }: FeedRequest, owner: FeedOwner) {
		this.viewer = viewer;
		this.name = displayName(viewer);
		this.state = state;
		this.#owner = owner;
		for (const scope of scopes) {
			const found = registry.findPresence(scope);
			const needs = found ? presenceNeeds(found, scope, viewer) : null;
			if (needs) this.#needs.set(scope, needs);
			else this.#refused.set(scope, found ? 'forbidden' : 'unknown');
		}
	}

	/** True when grants decide about one of the scopes. */
	get dependsOnGrants(): boolean {
		return [...this.#needs.values()].some((needs) => needs.length > 0);
	}

	/** Returns the scopes that would have to be granted, too, for the viewer to be present wherever it was asked for. */
	missing(open: Pick<ReadonlySet<string>, 'has'>): string[] {
		const wanted = [...this.#needs.values()];
		return wanted.flatMap((needs) => (needs.some((scope) => open.has(scope)) ? [] : needs));
	}

	/** Takes the viewer's grants. Later changes have greater ids than their position. */
	learn({ open, position }: Pick<UserGrants, 'open' | 'position'>): void {
		this.#granted = new Set(open.keys());
		this.#position = position;
		const early = this.#early ?? [];
		this.#early = null;
		for (const change of early) this.change(change);
	}

	/** The stream is open. */
	begin(sink: Sink, encoder: Encoder): void {
		if (this.#ended) return;
		this.#sink = sink;
		this.#encoder = encoder;
		for (const [topic, reason] of this.#refused) this.#deny(topic, reason);
		for (const scope of this.#needs.keys()) {
			if (this.#mayEnter(scope)) this.#enter(scope);
			else this.#deny(scope, 'forbidden');
		}
	}

	/** A grant of the viewer has changed. */
	change(change: GrantChange): void {
		if (this.#early) {
			this.#early.push(change);
			return;
		}
		// The hub may be behind what was read.
		if (change.id <= this.#position) return;
		if (change.granted) this.#granted.add(change.scope);
		else this.#granted.delete(change.scope);
		if (!this.#sink) return;
		for (const [scope, needs] of this.#needs) {
			if (!needs.includes(change.scope)) continue;
			const may = this.#mayEnter(scope);
			if (may && !this.#entered.has(scope)) this.#enter(scope);
			else if (!may && this.#entered.delete(scope)) {
				this.#behind.delete(scope);
				this.#owner.exit(this, scope, true);
				this.#deny(scope, 'revoked');
			}
		}
	}

	/** Tells the client. A slow client gets the whole list when it has room. */
	tell(change: PresenceChange): void {
		if (this.#behind.has(change.scope)) return;
		if (this.#sink!.backlog <= ROOM) {
			this.#sink!.write(this.#encoder!.control(CONTROL.presence, change));
			return;
		}
		this.#behind.add(change.scope);
		if (this.#behind.size === 1) void this.#sink!.drained().then(() => this.#catchUp());
	}

	/** The stream has ended. Calling it again does nothing. */
	end(): void {
		if (this.#ended) return;
		this.#ended = true;
		for (const scope of this.#entered) this.#owner.exit(this, scope, false);
		this.#owner.forget(this);
	}

	#mayEnter(scope: string): boolean {
		const needs = this.#needs.get(scope)!;
		return needs.length === 0 || needs.some((need) => this.#granted.has(need));
	}

	#enter(scope: string): void {
		this.#entered.add(scope);
		this.#owner.enter(this, scope, this.#needs.get(scope)!);
		const users = this.#owner.users(scope);
		if (users) this.tell({ scope, users });
	}

	#catchUp(): void {
		if (this.#ended) return;
		const scopes = [...this.#behind];
		this.#behind.clear();
		for (const scope of scopes) {
			const users = this.#owner.users(scope);
			if (users) this.tell({ scope, users });
		}
	}

	#deny(topic: string, reason: DeniedReason): void {
		this.#sink!.write(this.#encoder!.control(CONTROL.denied, { topic, reason }));
	}
}
