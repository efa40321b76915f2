import { vi } from 'vitest';
import { ModelBrowser, ModelPage } from './model-browser.ts';
import type { DrivenEventSource } from './driven-event-source.ts';
import { HALLS, ModelLog } from './model-log.ts';
import { RandomRun, randomFrom, type Kind } from './random-run.ts';

/** What the tabs of a run ask for. */
const SETS: readonly { names: readonly string[]; toggled: readonly string[]; kind: Kind }[] = [
	// One page, with topics that its user turns off and on.
	{ names: ['a', 'b', 'c'], toggled: ['b', 'c'], kind: 'names' },
	// One page, with rooms.
	{ names: ['a', 'rooms/*/x'], toggled: ['b'], kind: 'everything' },
	{ names: ['a', 'rooms/*/x'], toggled: ['a'], kind: 'everything crowded' },
	// Pages that have nothing to do with each other.
	{
		names: ['a', 'rooms/1/x', 'rooms/*/x'],
		toggled: ['b', 'rooms/1/x', 'rooms/1/*', 'rooms/*/x'],
		kind: 'everything'
	}
];

export interface ModelTab {
	page: ModelPage;
	run: RandomRun;
}

/** A browser with tabs, a log, and all that can happen to them. */
export class TabsRun {
	readonly log = new ModelLog();
	readonly browser = new ModelBrowser();
	tabs: ModelTab[] = [];
	readonly #random: () => number;
	readonly #set: (typeof SETS)[number];
	#seed: number;
	/** Requests that the server has read. */
	readonly #served = new WeakSet<DrivenEventSource>();
	/** What its tabs ask for: an index of {@link SETS}. */
	readonly set: number;
	/** All tabs say the same about their user, so all can share one stream. */
	readonly isUniform: boolean;

	/** @param set what its tabs ask for; absent: anything */
	constructor(seed: number, set?: number) {
		this.#seed = seed * 1000;
		this.#random = randomFrom(seed);
		this.set = set ?? this.pick(SETS.length);
		this.#set = SETS[this.set]!;
		this.isUniform = this.pick(5) > 0;
		for (let i = 0; i < 2; i++) this.open();
	}

	pick = (n: number): number => Math.floor(this.#random() * n);

	/** Scripts go on until they wait for something. */
	async settled(): Promise<void> {
		await vi.advanceTimersByTimeAsync(0);
	}

	open(): void {
		const page = new ModelPage();
		const { names, kind } = this.#set;
		const globals = this.browser.globalsOf(page);
		vi.stubGlobal('navigator', { locks: globals.locks });
		vi.stubGlobal('BroadcastChannel', globals.BroadcastChannel);
		vi.stubGlobal('EventSource', globals.EventSource);
		vi.stubGlobal('location', { href: globals.page, origin: 'http://localhost' });
		const state = this.isUniform ? {} : { place: this.pick(2) };
		const scene = { log: this.log, sources: page.sources, kind, presence: this.#halls(), state };
		const run = new RandomRun(
			this.#seed++,
			names.filter((name) => this.#isOpen(name)),
			scene
		);
		vi.unstubAllGlobals();
		this.tabs.push({ page, run });
	}

	#halls(): string[] {
		return HALLS.filter(() => this.pick(3) === 0);
	}

	/** A page is not rendered for a room that is closed. */
	#isOpen(name: string): boolean {
		return !name.startsWith('rooms/1') || this.log.grantOf(name) !== null;
	}

	close({ page, run }: ModelTab): void {
		run.client.close();
		// After what the scripts of the page do now.
		queueMicrotask(() => this.browser.leave(page));
		this.tabs = this.tabs.filter((tab) => tab.page !== page);
	}

	crash({ page }: ModelTab): void {
		this.browser.crash(page);
		this.tabs = this.tabs.filter((tab) => tab.page !== page);
	}

	get #running(): ModelTab[] {
		return this.tabs.filter(({ page }) => page.state === 'running');
	}

	#any(tabs: readonly ModelTab[]): ModelTab | undefined {
		return tabs[this.pick(tabs.length)];
	}

	/** The server reads the newest request of a tab. */
	serve({ run }: ModelTab): void {
		const { source } = run;
		if (source?.readyState !== 0 || this.#served.has(source)) return;
		this.#served.add(source);
		run.server.accept(source.open());
	}

	cut({ run }: ModelTab): void {
		const { source } = run;
		if (source?.readyState === 0) source.fail(0);
		else if (source?.readyState === 1) source.fail(this.pick(2) === 0 ? 0 : 2);
	}

	async step(): Promise<void> {
		if (this.pick(4) > 0) await this.#progress();
		const tab = this.#any(this.#running);
		this.#meet(tab);
		const dice = this.pick(60);
		if (dice < 28) this.log.append(['a', 'b', 'c', 'rooms/1/x', 'rooms/2/x'][this.pick(5)]!);
		else if (dice < 32) tab?.run.changeGrant();
		else if (dice < 36) tab?.run.server.keepAlive();
		else if (dice < 41) vi.advanceTimersByTime(this.pick(this.pick(3) === 0 ? 10_000 : 2000));
		else if (dice < 44) this.browser.deliver(this.pick, true);
		else if (dice < 47) {
			if (this.tabs.length < 5) this.open();
		} else if (dice < 49) {
			this.#any(this.tabs.filter(({ page }) => page.state === 'frozen'))?.page.wake();
		} else if (dice < 58 && dice >= 56) {
			this.#delay();
		} else if (dice >= 58) {
			// The clock of the computer is set back.
			if (this.pick(4) === 0) vi.setSystemTime(Date.now() - this.pick(5000));
		} else if (!tab) return;
		else if (dice < 50) tab.page.state = 'frozen';
		else if (dice < 51) {
			if (this.tabs.length > 1) this[this.pick(2) === 0 ? 'close' : 'crash'](tab);
		} else if (dice < 53) tab.run.toggle(this.#set.toggled[this.pick(this.#set.toggled.length)]);
		else if (dice < 54) this.cut(tab);
		else if (dice < 56) this.#freezeLeader();
	}

	/** People come to halls and go, and so does the user. */
	#meet(tab: ModelTab | undefined): void {
		const { halls } = this.log;
		const hall = HALLS[this.pick(HALLS.length)]!;
		const dice = this.pick(40);
		if (dice < 12) halls.toggle(hall, `p${this.pick(4)}`);
		else if (dice < 14) halls.toggleDoor(hall);
		else if (dice < 15) tab?.run.move(this.#halls());
	}

	/** A tab that has a stream stands still. */
	#freezeLeader(): void {
		const leads = ({ page }: ModelTab) => page.sources.some(({ readyState }) => readyState === 1);
		const leader = this.#any(this.#running.filter(leads));
		if (leader) leader.page.state = 'frozen';
	}

	/** What a tab tells the others arrives later, until it does. */
	#delay(): void {
		const { slow, channels } = this.browser;
		if (slow.size > 0) slow.clear();
		else for (const channel of channels) if (this.pick(channels.size) === 0) slow.add(channel);
	}

	/** Requests are served, and some of what is on its way arrives. A page that stands still has it later. */
	async #progress(): Promise<void> {
		for (const one of this.tabs) this.serve(one);
		for (const one of this.tabs) one.run.server.deliver(this.pick(6));
		for (let i = this.pick(30); i > 0; i--) {
			if (this.pick(4) > 0) this.browser.deliver(this.pick);
			else if (this.#any(this.tabs)?.page.receive(this.pick)) await Promise.resolve();
		}
	}

	/** Everything that is on its way arrives. */
	async deliverAll(): Promise<void> {
		for (let i = 0; i < 300; i++) {
			for (const tab of this.tabs) {
				this.serve(tab);
				tab.run.server.deliver(Infinity);
			}
			await this.settled();
			for (const { page } of this.tabs) while (page.receive(this.pick)) await Promise.resolve();
			for (let n = 0; n < 2000 && this.browser.sent.length > 0; n++) {
				this.browser.deliver(this.pick);
				await Promise.resolve();
			}
			await this.settled();
			if (this.tabs.every(({ run }) => run.client.status === 'connected') && i > 20) return;
			if (this.tabs.some(({ run }) => run.client.status !== 'connected'))
				vi.advanceTimersByTime(1000);
		}
		throw new Error(
			`The tabs do not connect: ${this.tabs.map(({ run }) => run.client.status).join()}`
		);
	}

	/** Nothing stands still any more, time passes, and everything arrives. */
	async end(): Promise<void> {
		this.browser.slow.clear();
		for (const { page } of this.tabs) page.wake();
		for (const { run } of this.tabs) run.server.whims.places = Infinity;
		await this.deliverAll();
		for (let i = 0; i < 12; i++) {
			vi.advanceTimersByTime(1000);
			for (const { run } of this.tabs) run.server.keepAlive();
			await this.deliverAll();
		}
	}

	/** Ends all tabs, and what they have left behind. */
	async stop(): Promise<void> {
		for (const tab of [...this.tabs]) this.close(tab);
		await this.settled();
		vi.clearAllTimers();
	}

	/** Halls in which the server has the user present: by requests that have not ended. */
	get present(): string[] {
		const open = this.tabs.flatMap(({ page }) =>
			page.sources.filter(({ readyState }) => readyState < 2)
		);
		return [...new Set(open.flatMap(({ query }) => query.getAll('presence')))].sort();
	}

	/** How many streams the server has. */
	get connections(): number {
		return this.tabs.flatMap(({ page }) => page.sources.filter(({ readyState }) => readyState < 2))
			.length;
	}
}
