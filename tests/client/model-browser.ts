import type { ShareBrowser } from '../../src/lib/client/share/browser.ts';
import { DrivenEventSource } from './driven-event-source.ts';

/** A page of the model browser: it can stand still, and it can be gone. */
export class ModelPage {
	/** Connections of the page, the newest last. */
	readonly sources: ModelSource[] = [];
	state: 'running' | 'frozen' | 'gone' = 'running';
	/** What its own scripts do when the page goes on. */
	readonly #later: (() => void)[] = [];
	/** What the browser has for the page: of its locks, and of each connection. Only what is of one source is in order. */
	readonly #inboxes = new Map<object, (() => void)[]>();

	/** Runs a script of the page: now, later, or never. */
	run(script: () => void): void {
		if (this.state === 'running') script();
		else if (this.state === 'frozen') this.#later.push(script);
	}

	/** The browser calls a script of the page. It comes after what has waited from the same source. */
	call(source: object, script: () => void): void {
		if (this.state === 'gone') return;
		const inbox = this.#inboxes.get(source);
		if (inbox) inbox.push(script);
		else if (this.state === 'running') script();
		else this.#inboxes.set(source, [script]);
	}

	/** The page goes on. What the browser has for it arrives with `receive`, among everything else that happens. */
	wake(): void {
		this.state = 'running';
		for (const script of this.#later.splice(0)) this.run(script);
	}

	/** One thing arrives that has waited for the page. @returns false when there was none */
	receive(pick: (n: number) => number): boolean {
		const waiting = [...this.#inboxes];
		if (this.state !== 'running' || waiting.length === 0) return false;
		const [source, scripts] = waiting[pick(waiting.length)]!;
		scripts.shift()?.();
		if (scripts.length === 0) this.#inboxes.delete(source);
		return true;
	}
}

/** A connection of a page. What arrives while the page stands still waits for it. */
export class ModelSource extends DrivenEventSource {
	constructor(
		url: string,
		readonly page: ModelPage
	) {
		super(url);
		page.sources.push(this);
	}

	override open(): this {
		// The page may have closed it before it hears of this.
		this.page.call(this, () => this.readyState === 2 || super.open());
		return this;
	}

	override emit(name: string, id: string | number, data: unknown): this {
		this.page.call(this, () => super.emit(name, id, data));
		return this;
	}

	override bare(id: string | number): void {
		this.page.call(this, () => super.bare(id));
	}

	override fail(readyState: 0 | 2 = 0): this {
		this.page.call(this, () => this.readyState === 2 || super.fail(readyState));
		return this;
	}
}

interface Request {
	page: ModelPage;
	callback: (lock: Lock | null) => unknown;
	resolve(value: unknown): void;
	reject(error: unknown): void;
}

interface Sent {
	from: ModelChannel;
	to: ModelChannel;
	data: unknown;
}

/**
 * A small model of a browser with tabs: locks, and channels whose messages arrive in the order of their sender, when the test
 * says so. Locks of a page that is gone are released.
 */
export class ModelBrowser {
	readonly #held = new Map<string, Request>();
	readonly #waiting = new Map<string, Request[]>();
	readonly channels = new Set<ModelChannel>();
	sent: Sent[] = [];
	/** What they have sent is on its way until it is taken out of here. */
	readonly slow = new Set<ModelChannel>();
	/** Blocks that a page has told while another held the lock of its group. */
	outdated = 0;

	/** What a script in the page finds as globals. */
	globalsOf(page: ModelPage): ShareBrowser {
		// eslint-disable-next-line @typescript-eslint/no-this-alias
		const browser = this;
		const locks = {
			request: (name: string, options: LockOptions, callback: Request['callback']) =>
				this.#request(page, name, options, callback),
			query: () =>
				Promise.resolve({ held: [...this.#held.keys()].map((name) => ({ name })), pending: [] })
		};
		return {
			locks: locks as unknown as ShareBrowser['locks'],
			BroadcastChannel: class extends ModelChannel {
				constructor(name: string) {
					super(browser, page, name);
				}
			} as unknown as typeof BroadcastChannel,
			EventSource: class extends ModelSource {
				constructor(url: string) {
					super(url, page);
				}
			},
			page: 'http://localhost/'
		};
	}

	/** A page tells the others something. */
	send(from: ModelChannel, data: unknown): void {
		const { kind, group } = data as { kind: string; group: string };
		const leader = this.#held.get(`${from.name} ${group}`)?.page;
		if (kind === 'block' && leader && leader !== from.page) this.outdated += 1;
		for (const to of this.channels) {
			if (to === from || to.name !== from.name) continue;
			this.sent.push({ from, to, data: structuredClone(data) });
		}
	}

	/** Delivers one message that is on its way. @param pick returns a number in [0, n) */
	deliver(pick: (n: number) => number, isLost = false): void {
		this.sent = this.sent.filter(({ to }) => to.page.state !== 'gone' && this.channels.has(to));
		const ready = this.sent.filter(
			({ from, to }, i) =>
				to.page.state === 'running' &&
				!this.slow.has(from) &&
				this.sent.findIndex((other) => other.from === from && other.to === to) === i
		);
		const next = ready[pick(ready.length)];
		if (!next) return;
		this.sent.splice(this.sent.indexOf(next), 1);
		if (!isLost) next.to.dispatchEvent(new MessageEvent('message', { data: next.data }));
	}

	/** The page is gone, without a last word. */
	crash(page: ModelPage): void {
		for (const channel of this.channels) if (channel.page === page) this.channels.delete(channel);
		this.leave(page);
	}

	/** The page is gone. What it has sent still arrives. */
	leave(page: ModelPage): void {
		page.state = 'gone';
		for (const [name, requests] of this.#waiting) {
			this.#waiting.set(
				name,
				requests.filter((request) => request.page !== page)
			);
		}
		for (const [name, request] of this.#held)
			if (request.page === page) this.#release(name, request);
	}

	#request(
		page: ModelPage,
		name: string,
		options: LockOptions,
		callback: Request['callback']
	): Promise<unknown> {
		return new Promise((resolve, reject) => {
			const request = { page, callback, resolve, reject };
			page.run(() => this.#enter(name, options, request));
		});
	}

	#enter(name: string, { ifAvailable, steal, signal }: LockOptions, request: Request): void {
		if (signal?.aborted) return request.reject(signal.reason);
		const held = this.#held.get(name);
		if (held && ifAvailable) return this.#tell(request, null);
		if (held && !steal) {
			const waiting = this.#waiting.get(name) ?? [];
			waiting.push(request);
			this.#waiting.set(name, waiting);
			signal?.addEventListener('abort', () => {
				const i = this.#waiting.get(name)?.indexOf(request) ?? -1;
				if (i < 0) return;
				this.#waiting.get(name)!.splice(i, 1);
				request.reject(signal.reason);
			});
			return;
		}
		if (held) held.page.call(this, () => held.reject(new Error('The lock was stolen')));
		this.#grant(name, request);
	}

	#grant(name: string, request: Request): void {
		this.#held.set(name, request);
		request.page.call(this, () => {
			const done = request.callback({ name, mode: 'exclusive' });
			const release = (value: unknown) => {
				request.resolve(value);
				this.#release(name, request);
			};
			void Promise.resolve(done).then((value) => request.page.run(() => release(value)));
		});
	}

	#tell(request: Request, lock: null): void {
		request.page.call(this, () => request.resolve(request.callback(lock)));
	}

	#release(name: string, request: Request): void {
		if (this.#held.get(name) !== request) return;
		this.#held.delete(name);
		const next = this.#waiting.get(name)?.shift();
		if (next) this.#grant(name, next);
	}
}

class ModelChannel extends EventTarget {
	constructor(
		readonly browser: ModelBrowser,
		readonly page: ModelPage,
		readonly name: string
	) {
		super();
		browser.channels.add(this);
	}

	postMessage(data: unknown): void {
		this.page.run(() => this.browser.send(this, data));
	}

	close(): void {
		// Messages that it has sent still arrive.
		this.browser.channels.delete(this);
	}
}
