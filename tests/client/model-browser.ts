import type { ShareBrowser } from '../../src/lib/client/share/browser.ts';
import { DrivenEventSource } from './driven-event-source.ts';

/** A page of the model browser: it can stand still, and it can be gone. */
export class ModelPage {
	/** Connections of the page, the newest last. */
	readonly sources: DrivenEventSource[] = [];
	state: 'running' | 'frozen' | 'gone' = 'running';
	/** What the page does when it goes on. */
	readonly #later: (() => void)[] = [];

	/** Runs a script of the page: now, later, or never. */
	run(script: () => void): void {
		if (this.state === 'running') script();
		else if (this.state === 'frozen') this.#later.push(script);
	}

	thaw(): void {
		this.state = 'running';
		for (const script of this.#later.splice(0)) this.run(script);
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
			EventSource: class extends DrivenEventSource {
				constructor(url: string) {
					super(url);
					page.sources.push(this);
				}
			},
			page: 'http://localhost/'
		};
	}

	/** Delivers one message that is on its way. @param pick returns a number in [0, n) */
	deliver(pick: (n: number) => number, isLost = false): void {
		this.sent = this.sent.filter(({ to }) => to.page.state !== 'gone' && this.channels.has(to));
		const ready = this.sent.filter(
			({ from, to }, i) =>
				to.page.state === 'running' &&
				this.sent.findIndex((other) => other.from === from && other.to === to) === i
		);
		const next = ready[pick(ready.length)];
		if (!next) return;
		this.sent.splice(this.sent.indexOf(next), 1);
		if (!isLost) next.to.dispatchEvent(new MessageEvent('message', { data: next.data }));
	}

	/** The page is gone, without a last word. */
	crash(page: ModelPage): void {
		page.state = 'gone';
		for (const channel of this.channels) if (channel.page === page) this.channels.delete(channel);
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
		if (held) held.page.run(() => held.reject(new Error('The lock was stolen')));
		this.#grant(name, request);
	}

	#grant(name: string, request: Request): void {
		this.#held.set(name, request);
		request.page.run(() => {
			const done = request.callback({ name, mode: 'exclusive' });
			void Promise.resolve(done).then((value) => {
				request.resolve(value);
				this.#release(name, request);
			});
		});
	}

	#tell(request: Request, lock: null): void {
		request.page.run(() => request.resolve(request.callback(lock)));
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
		this.page.run(() => {
			for (const to of this.browser.channels) {
				if (to === this || to.name !== this.name) continue;
				this.browser.sent.push({ from: this, to, data: structuredClone(data) });
			}
		});
	}

	close(): void {
		// Messages that it has sent still arrive.
		this.browser.channels.delete(this);
	}
}
