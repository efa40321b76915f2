import { compareIds, CONTROL } from '../../protocol/index.ts';
import { isID, readCaughtUp, readDenied } from '../control.ts';
import { isMessage, type EventSourceLike } from '../source.ts';
import { Following } from './following.ts';
import { Invitation } from './invitation.ts';
import { groupOf, type Message, type Welcome } from './messages.ts';
import { mayLack } from './names.ts';
import { meets } from './needs.ts';
import { withNeeds, type SharedRequest } from './request.ts';
import { Standing } from './standing.ts';
import type { Tab } from './tab.ts';
import { TabView } from './tab-view.ts';

/** How long a leader may take to welcome a tab. Milliseconds. */
const WELCOME = 4_000;
/** After this, a stream that has not caught up does not keep other tabs waiting. Milliseconds. */
const TURN = { opening: 10_000, silent: 1_000, busy: 10_000 };

const OPEN = 1;
const CLOSED = 2;

/**
 * An EventSource that is shared by tabs. To its client, it is one connection that may break at any time, like any other: it
 * sends what the server would send to this client, or it ends.
 *
 * It begins with a stream of its own, after the client's own cursor. When that has caught up, it goes on with the broadcast of
 * the tab that leads, or leads.
 */
export class SharedSource extends EventTarget implements EventSourceLike {
	readyState = 0;
	readonly request: SharedRequest;
	readonly #tab: Tab;
	readonly #view: TabView;
	/** Ends what it waits for. */
	readonly #over = new AbortController();
	#stream: EventSourceLike | null = null;
	readonly #heard = new Set<string>();
	/** Its own stream makes its user present where only other tabs are. */
	#isForOthers = false;
	/** Its own stream names what only other tabs need. */
	#namesOthers = false;
	/** Every event of its names up to this id has been handed over. */
	#position: string;
	/** What its own stream has said. */
	readonly #standing: Standing;

	/** Lets the next tab catch up. */
	#endTurn: () => void = () => {};
	#turnTimer: ReturnType<typeof setTimeout> | undefined;
	#wasRefusedWelcome = false;
	#onWelcome: () => void = () => {};
	#invitation: Invitation | null = null;
	#isSettled = false;
	#following: Following | null = null;

	constructor(tab: Tab, request: SharedRequest) {
		super();
		this.#tab = tab;
		this.request = request;
		this.#view = new TabView(request);
		this.#standing = new Standing(request.presence);
		this.#position = request.cursor ?? '0';
		const lead = tab.begin(this);
		if (lead) {
			this.#isSettled = true;
			const carried = tab.carried(request);
			lead.start(carried, request.cursor);
			this.#isForOthers = carried.presence.some((scope) => !request.presence.includes(scope));
			this.#open(withNeeds(request, carried), carried.names);
		} else {
			void this.#catchUp();
		}
	}

	get #isOver(): boolean {
		return this.#over.signal.aborted;
	}

	/** What its own stream has sent so far. */
	get now(): { position: string; standing: Standing } {
		return { position: this.#position, standing: this.#standing };
	}

	get isCatchingUp(): boolean {
		return this.#stream !== null && !this.#isSettled;
	}

	override addEventListener(name: string, listener: (event: Event) => void): void {
		super.addEventListener(name, listener);
		this.#listen(name);
	}

	close(): void {
		this.suspend();
		this.#tab.ended(this);
	}

	/** Lets go of everything, but stays the source of its client. */
	suspend(): void {
		this.readyState = CLOSED;
		this.#over.abort();
		clearTimeout(this.#turnTimer);
		this.#endTurn();
		this.#following?.end();
		this.#stream?.close();
		this.#stream = null;
	}

	/** Another tab has said something. */
	hear(message: Message): void {
		if (this.#isOver) return;
		if (this.#following) this.#follow(message);
		else if (message.kind === 'welcome') {
			if (this.#stream || message.to !== this.#tab.id) return;
			this.#invitation = new Invitation(message);
			this.#onWelcome();
		} else if (this.#invitation?.keep(message) === false) this.#invitation = null;
	}

	/** One tab at a time catches up, so that there are connections left for requests. */
	async #catchUp(): Promise<void> {
		const { signal } = this.#over;
		try {
			this.#endTurn = await this.#tab.takeTurn(signal);
			if (!signal.aborted && (await this.#tab.hasLeader(this.request.user))) await this.#greet();
		} catch (error) {
			// The browser gives no locks, so it catches up without a turn.
			this.#tab.debug('no lock', { error });
		}
		if (signal.aborted) this.#endTurn();
		else this.#open(this.request.url);
	}

	/**
	 * Asks the leader where it is, before it catches up. What the leader has received by then was in the log already. So this
	 * tab will have it, too, when it has caught up: also the history of what its user was granted meanwhile.
	 */
	#greet(): Promise<void> {
		return new Promise((resolve) => {
			const timer = setTimeout(() => {
				this.#wasRefusedWelcome = true;
				resolve();
			}, WELCOME);
			this.#onWelcome = () => {
				clearTimeout(timer);
				resolve();
			};
			this.#over.signal.addEventListener('abort', this.#onWelcome, { once: true });
			this.#tab.hello(this.request);
		});
	}

	#open(url: string, others: readonly string[] = []): void {
		const withOthers = url !== this.request.url;
		this.#namesOthers = others.length > this.request.names.length;
		const stream = new this.#tab.RealEventSource(url);
		this.#stream = stream;
		this.#boundTurn(TURN.opening);
		stream.addEventListener('open', (event) => {
			if (isMessage(event) || stream !== this.#stream) return;
			this.readyState = OPEN;
			if (!this.#namesOthers) this.#tab.opened(withOthers);
			this.#boundTurn(TURN.silent);
			this.dispatchEvent(new Event('open'));
		});
		stream.addEventListener('error', (event) => {
			if (isMessage(event) || stream !== this.#stream) return;
			const wasRefused = this.readyState !== OPEN && stream.readyState === CLOSED;
			if (wasRefused && withOthers) return this.#tab.refused();
			this.#tab.lost();
			this.readyState = stream.readyState;
			this.dispatchEvent(new Event('error'));
		});
		const names = [...this.#heard];
		this.#heard.clear();
		for (const name of [...names, ...others, ...Object.values(CONTROL)]) this.#listen(name);
	}

	#listen(name: string): void {
		if (this.#heard.has(name)) return;
		this.#heard.add(name);
		const stream = this.#stream;
		stream?.addEventListener(name, (event) => {
			// From a stream that is closed, nothing counts, not even what has arrived already.
			if (!isMessage(event) || stream !== this.#stream) return;
			this.#receive(name, event.lastEventId, event.data);
		});
	}

	/** Its own stream has sent a block. */
	#receive(name: string, id: string, data: string): void {
		if (isID(id)) {
			this.#moveTo(id);
			this.#boundTurn(TURN.busy);
		}
		if (name === CONTROL.subscribed) this.#listen(this.#view.topicOf(data));
		if (name === CONTROL.gap) this.#tab.endLead();
		if (this.#namesOthers) {
			// Alone, there may be room.
			if (name === CONTROL.denied && readDenied(JSON.parse(data))?.reason === 'too_many')
				return this.#tab.refused();
			if (name === CONTROL.caughtUp) this.#tab.opened(true);
		}
		this.#standing.take(name, data);
		// First the others: what the client does with it may replace this source.
		this.#tab.lead?.pass(name, id, data);
		this.#handOver(name, id, data);
		if (this.#isOver) return;
		if (this.#isForOthers && !this.#tab.lead) this.#leave();
		else if (name === CONTROL.caughtUp) void this.#settle(data);
		else if (this.#isSettled && this.#invitation)
			this.#join(this.#invitation, name === CONTROL.keepAlive);
	}

	#moveTo(id: string): void {
		if (compareIds(id, this.#position) > 0) this.#position = id;
	}

	#handOver(name: string, id: string, data: string): void {
		const shown = this.#view.show(name, data);
		if (shown === null) return;
		this.#view.note(name, data);
		this.dispatchEvent(new MessageEvent(name, { data: shown, lastEventId: id }));
	}

	/** It has caught up: it goes on with the leader's broadcast, or leads, or keeps its own stream. */
	async #settle(data: string): Promise<void> {
		const info = readCaughtUp(JSON.parse(data));
		const group = info?.user === undefined ? null : groupOf(info.user, info.log);
		const { lead } = this.#tab;
		if (lead?.group === group) return;
		if (lead) this.#tab.endLead();
		this.#isSettled = true;
		if (group === null) return this.#endTurn();
		const invitation = this.#invitation;
		if (invitation?.welcome.group === group && this.#fits(invitation.welcome))
			return this.#join(invitation);
		this.#invitation = null;
		try {
			const leads = await this.#tab.contend(group, this.#wasRefusedWelcome);
			if (this.#isOver) return;
			if (leads) this.#tab.leadFrom(this);
			// A leader has come meanwhile. Only a tab that has heard of it before it caught up can follow.
			else if (!invitation && !this.#wasRefusedWelcome) this.#leave();
		} catch (error) {
			this.#tab.debug('no lock', { error });
		} finally {
			this.#endTurn();
		}
	}

	#fits({ needs, lacks }: Welcome): boolean {
		const { names } = this.request;
		return meets(needs, this.request) && !lacks.some((lack) => mayLack(needs.names, lack, names));
	}

	/**
	 * Goes on with the leader's broadcast, if its own stream is as far as the leader's was, and has told the markers that the
	 * leader knows. Those of the leader were counted long ago.
	 *
	 * @param isLate its own stream has told all markers that there are
	 */
	#join({ welcome, kept }: Invitation, isLate = false): void {
		const isNext = this.#tab.hasWon(welcome.group);
		const isBehind = compareIds(this.#position, welcome.position) < 0;
		const isWaiting = !isLate && this.#view.awaitsMarker(welcome.standing);
		if (!isNext && (isBehind || isWaiting)) return;
		this.#invitation = null;
		// The leader has gone meanwhile.
		if (isNext) {
			this.#endTurn();
			return this.#tab.leadFrom(this);
		}
		this.#stream?.close();
		this.#stream = null;
		this.#endTurn();
		this.#tab.queue(welcome.group);
		this.#following = new Following(welcome, this.#position, this.request, {
			ping: ({ group, leader }) => this.#tab.post({ kind: 'ping', group, leader }),
			silent: () => this.#tab.seize(welcome.group),
			changed: () => this.#tab.hello(this.request)
		});
		for (const { name, data } of this.#view.untold(welcome.standing)) {
			this.#handOver(name, '', data);
		}
		for (const message of kept) this.#follow(message, true);
	}

	/** @param isKept it is older than the moment in which this tab has joined */
	#follow(message: Message, isKept = false): void {
		if (this.#isOver) return;
		const judged = this.#following?.judge(message, this.#position);
		if (judged === 'broken') return this.#leave();
		if (judged !== 'take' || message.kind !== 'block') return;
		const { name, id, data } = message;
		const { isBehind } = this.#following!;
		if (isBehind && this.#view.changesTopics(name, data)) return this.#leave();
		if (this.#view.isLacking(name, data, this.#following!.names)) return this.#leave();
		if (isKept && this.#view.isTold(name, data)) return;
		const topic = name === CONTROL.ended ? this.#view.topicOf(data) : name;
		if (this.#view.isUnexpected(topic)) {
			const missing =
				this.#following!.names.includes(topic) && !isBehind && this.#view.announcement(topic);
			if (!missing) return this.#leave();
			this.#handOver(CONTROL.subscribed, '', missing);
			if (this.#isOver) return;
		}
		if (isID(id)) {
			this.#following?.reach(id);
			this.#moveTo(id);
		}
		if (name === CONTROL.keepAlive) this.#tab.hello(this.request);
		// Also an old event while the leader is behind: it may be of the history of a grant that neither has come to.
		this.#handOver(name, id, data);
	}

	/** Ends, like a connection that is too old: the client continues at once, with a stream of its own. */
	#leave(): void {
		if (this.#isOver) return;
		this.dispatchEvent(new MessageEvent(CONTROL.timeout, { data: '{}' }));
	}

	/** @param wait until the next tab may catch up even if this one has not */
	#boundTurn(wait: number): void {
		if (this.#isSettled) return;
		clearTimeout(this.#turnTimer);
		this.#turnTimer = setTimeout(() => this.#endTurn(), wait);
	}
}
