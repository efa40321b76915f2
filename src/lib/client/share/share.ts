import { bareURL } from '../url.ts';
import type { ShareBrowser } from './browser.ts';
import type { EventSourceConstructor } from '../source.ts';
import { Carriage } from './carriage.ts';
import { Lead } from './lead.ts';
import { nextLeader } from './leader.ts';
import { Lives } from './lives.ts';
import { Bid } from './locks.ts';
import { groupOf, userOf, VERSION, type Message } from './messages.ts';
import { meets, NOTHING, unite, type Needs } from './needs.ts';
import { Others } from './others.ts';
import { listenForPauses } from './pauses.ts';
import { readRequest, type SharedRequest } from './request.ts';
import { SharedSource } from './shared-source.ts';
import type { Tab, TabSource } from './tab.ts';
import { takeTurn } from './turn.ts';

/** A tab that is gone may come back: a page is loaded again, a connection is renewed. Milliseconds. */
const LINGER = 5_000;

/** What sharing needs of its client. */
export interface ShareOwner {
	/** Asks for another source, at once. */
	restart(): void;
	debug(text: string, ...details: unknown[]): void;
}

/** The part of one client in the connection that all tabs of a browser share. */
export class Share implements Tab {
	readonly RealEventSource: EventSourceConstructor;
	/** For the client: an EventSource that is shared. */
	readonly EventSource: EventSourceConstructor;
	readonly debug: ShareOwner['debug'];
	readonly #browser: ShareBrowser;
	readonly #owner: ShareOwner;
	/** Name of the channel, and beginning of the names of locks. */
	readonly #name: string;
	#channel: BroadcastChannel | null = null;
	#stopListening = () => {};
	#source: TabSource | null = null;
	/** Group → largest leader that was heard. */
	readonly #leaders = new Map<string, string>();
	readonly #others = new Others();
	readonly #lives: Lives;
	#bid: { group: string; bid: Bid } | null = null;
	#lead: Lead | null = null;
	#lingering: ReturnType<typeof setTimeout> | undefined;
	readonly #carriage = new Carriage();

	constructor(url: string, browser: ShareBrowser, owner: ShareOwner) {
		this.#browser = browser;
		this.#owner = owner;
		this.debug = (text, ...details) => owner.debug(text, ...details);
		this.#name = `logline:${VERSION}:${bareURL(new URL(url, browser.page).href)}`;
		this.#lives = new Lives(browser.locks, (tab) => this.#miss(tab));
		this.RealEventSource = browser.EventSource;
		// eslint-disable-next-line @typescript-eslint/no-this-alias
		const share = this;
		this.EventSource = class extends SharedSource {
			constructor(address: string) {
				super(share, readRequest(address, browser.page));
			}
		};
	}

	get id(): string {
		return this.#lives.id;
	}

	/** The broadcast that this tab leads; null: it does not lead. */
	get lead(): Lead | null {
		return this.#lead;
	}

	begin(source: TabSource): Lead | null {
		this.#source = source;
		this.#listen();
		const { user, log, cursor } = source.request;
		if (!this.#bid) return null;
		const { group, bid } = this.#bid;
		if (user === null || log === null || cursor === null || groupOf(user, log) !== group) {
			this.#resign();
		} else if (bid.won) {
			this.#lead ??= this.#newLead(group, source);
		}
		return this.#lead;
	}

	ended(source: TabSource): void {
		if (this.#source !== source) return;
		this.#source = null;
		queueMicrotask(() => {
			if (this.#source === null) this.#quit();
		});
	}

	async takeTurn(over: AbortSignal): Promise<() => void> {
		await this.#lives.begin();
		return takeTurn(this.#browser.locks, over);
	}

	/** @param user null: any */
	async hasLeader(user: string | null): Promise<boolean> {
		const whose = user === null ? '' : JSON.stringify([user]).slice(0, -1) + ',';
		const { held = [] } = await this.#browser.locks.query();
		return held.some(({ name }) => name?.startsWith(`${this.#name} ${whose}`));
	}

	/** What a stream that this tab leads carries. */
	carried(own: Needs): Needs {
		if (!this.#lead || !this.#carriage.isAllowed) return own;
		return unite(own, this.#others.needsOf(userOf(this.#lead.group)));
	}

	/** Says what this tab needs. */
	hello({ user, names, presence, state }: SharedRequest): void {
		this.post({ kind: 'hello', from: this.id, user, needs: { names, presence, state } });
	}

	post = (message: Message): void => {
		this.#channel?.postMessage(message);
	};

	/**
	 * Tries to lead.
	 *
	 * @param byForce the leader does not respond
	 */
	async contend(group: string, byForce: boolean): Promise<boolean> {
		const bid = this.#bidFor(group);
		if (bid.won || (await bid.take('if free'))) return true;
		if (byForce && (await bid.take('by force'))) return true;
		this.queue(group);
		return false;
	}

	hasWon(group: string): boolean {
		return this.#bid?.group === group && this.#bid.bid.won;
	}

	/** Leads with a stream that has begun earlier. */
	leadFrom(source: TabSource): void {
		const group = this.#bid?.group;
		if (source !== this.#source || group === undefined || this.#lead) return;
		this.#lead = this.#newLead(group, source);
		this.#lead.start(source.request, null);
	}

	/** Leads when the leader is gone, and those who wait already. */
	queue(group: string): void {
		void this.#take(this.#bidFor(group), 'in turn');
	}

	/** Leads instead of a leader that does not respond. */
	seize(group: string): void {
		this.debug('the leading tab is silent');
		void this.#take(this.#bidFor(group), 'by force');
	}

	/** The broadcast has a hole: every tab goes on by itself. */
	endLead(): void {
		this.#lead?.end();
		this.#resign();
	}

	opened(withOthers: boolean): void {
		this.#carriage.accepted(withOthers);
	}

	refused(): void {
		this.debug('refused with the needs of other tabs');
		this.#carriage.refused();
		this.#resign();
		this.#owner.restart();
	}

	lost(): void {
		this.#carriage.lost();
		this.#resign();
	}

	async #take(bid: Bid, how: 'in turn' | 'by force'): Promise<void> {
		try {
			if (!(await bid.take(how)) || bid !== this.#bid?.bid || this.#lead) return;
		} catch (error) {
			this.debug('no lock', { error });
			return;
		}
		// A source that catches up will lead when it has.
		if (!this.#source?.isCatchingUp) this.#owner.restart();
	}

	#newLead(group: string, source: TabSource): Lead {
		for (const tab of this.#others.present) this.#lives.watch(tab);
		return new Lead(group, nextLeader(this.#leaders.get(group) ?? ''), this.post, source.now);
	}

	#bidFor(group: string): Bid {
		if (this.#bid?.group === group) return this.#bid.bid;
		this.#resign();
		const bid = new Bid(this.#browser.locks, `${this.#name} ${group}`, () => {
			if (this.#bid?.bid !== bid) return;
			this.#resign();
			this.#owner.restart();
		});
		this.#bid = { group, bid };
		return bid;
	}

	/** Does not lead any more. The next tab goes on where this one was. */
	#resign(): void {
		this.#lead = null;
		this.#lives.forget();
		clearTimeout(this.#lingering);
		this.#lingering = undefined;
		this.#bid?.bid.end();
		this.#bid = null;
	}

	#listen(): void {
		if (this.#channel) return;
		const channel = new this.#browser.BroadcastChannel(this.#name);
		this.#channel = channel;
		channel.addEventListener('message', (event) => {
			if (this.#channel === channel && 'data' in event) this.#hear(event.data as Message);
		});
		this.#stopListening();
		this.#stopListening = listenForPauses({
			onPause: () => {
				this.#source?.suspend();
				this.#leaveTabs();
			},
			onResume: () => this.#owner.restart()
		});
	}

	#hear(message: Message): void {
		if (message.kind === 'hello') return this.#greet(message);
		if (message.kind === 'gone') return this.#miss(message.from);
		if (message.kind === 'ping') {
			if (this.#lead?.group === message.group && this.#lead.leader === message.leader)
				this.#lead.pong();
			return;
		}
		const { group, leader } = message;
		if (leader > (this.#leaders.get(group) ?? '')) this.#leaders.set(group, leader);
		if (this.#lead?.group === group && leader > this.#lead.leader) {
			// This page stood still, and another tab leads.
			this.#resign();
			this.#owner.restart();
		} else {
			this.#source?.hear(message);
		}
	}

	#greet({ from, user, needs }: Message & { kind: 'hello' }): void {
		this.#others.need(from, user, needs);
		const lead = this.#lead;
		if (!lead || (user !== null && user !== userOf(lead.group))) return;
		if (needs.presence.length > 0) this.#lives.watch(from);
		if (!meets(lead.needs, needs) && meets(this.#carriedNow, needs)) this.#owner.restart();
		else this.#leaveScopes();
		this.#lead?.welcome(from);
	}

	/** A tab is gone. */
	#miss(tab: string): void {
		this.#others.leave(tab);
		this.#lives.forget(tab);
		this.#leaveScopes();
	}

	/** Nobody stays present because of a tab that is gone, or has left. */
	#leaveScopes(): void {
		if (this.#isPresentInVain) this.#lingering ??= setTimeout(() => this.#leaveNow(), LINGER);
	}

	#leaveNow(): void {
		this.#lingering = undefined;
		if (this.#isPresentInVain) this.#owner.restart();
	}

	get #isPresentInVain(): boolean {
		if (!this.#lead) return false;
		const { presence } = this.#carriedNow;
		return !this.#lead.needs.presence.every((scope) => presence.includes(scope));
	}

	/** What its stream would carry if it began now. */
	get #carriedNow(): Needs {
		return this.carried(this.#source?.request ?? NOTHING);
	}

	#leaveTabs(): void {
		this.post({ kind: 'gone', from: this.id });
		this.#resign();
		this.#lives.end();
		this.#channel?.close();
		this.#channel = null;
	}

	#quit(): void {
		this.#leaveTabs();
		this.#stopListening();
		this.#stopListening = () => {};
	}
}
