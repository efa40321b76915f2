import { vi } from 'vitest';
import { SSEClient, type SSEClientOptions } from '../../src/lib/client/index.ts';
import type { CaughtUp } from '../../src/lib/protocol/index.ts';
import { ModelBrowser, ModelPage, type ModelSource } from './model-browser.ts';

type Topics = Record<string, unknown>;

/** A tab, and what its client was given. */
export class ServedTab {
	readonly page = new ModelPage();
	readonly client: SSEClient<Topics>;
	/** Events: the name whose handler got it, the topic, and the id. */
	readonly events: [name: string, topic: string, id: string][] = [];
	readonly denied: string[] = [];

	constructor(
		browser: ModelBrowser,
		names: readonly string[],
		options: Partial<SSEClientOptions<Topics>>
	) {
		const globals = browser.globalsOf(this.page);
		vi.stubGlobal('navigator', { locks: globals.locks });
		vi.stubGlobal('BroadcastChannel', globals.BroadcastChannel);
		vi.stubGlobal('EventSource', globals.EventSource);
		vi.stubGlobal('location', { href: globals.page, origin: 'http://localhost' });
		const handler =
			(name: string) =>
			(_: unknown, { topic, id }: { topic: string; id: string }) =>
				void this.events.push([name, topic, id]);
		this.client = new SSEClient<Topics>('/api/events', {
			topics: Object.fromEntries(names.map((name) => [name, handler(name)])),
			lastEventID: '10',
			log: 'L',
			keepAliveTimeout: 0,
			onDenied: ({ topic, reason }) => this.denied.push(`${topic} ${reason}`),
			...options
		});
		vi.unstubAllGlobals();
	}

	/** Its newest connection. */
	get source(): ModelSource {
		return this.page.sources.at(-1)!;
	}

	/** What that connection asks for. */
	get asks(): string[] {
		return this.source.topics.map((topic) => topic.replace(/@.*/, ''));
	}

	get isFollowing(): boolean {
		const { client, page } = this;
		return client.status === 'connected' && page.sources.every((one) => one.readyState === 2);
	}

	ids(topic: string): string[] {
		return this.events.flatMap(([, of, id]) => (of === topic ? [id] : []));
	}

	say(name: string, id: number | '', data: unknown = {}): void {
		this.source.emit(name, id, data);
	}
}

/** Tabs of one browser whose server says what the test says. */
export class ServedTabs {
	readonly #browser = new ModelBrowser();

	open(names: readonly string[], options: Partial<SSEClientOptions<Topics>> = {}): ServedTab {
		return new ServedTab(this.#browser, names, options);
	}

	/** Everything between the tabs arrives. */
	async settle(): Promise<void> {
		for (let i = 0; i < 30; i++) {
			await vi.advanceTimersByTimeAsync(0);
			while (this.#browser.sent.length > 0) this.#browser.deliver(() => 0);
		}
	}

	/** The server accepts the newest request of a tab, says something, and is live at an id. */
	async serve(
		tab: ServedTab,
		at: number,
		before: () => void = () => {},
		more: Partial<CaughtUp> = {}
	): Promise<void> {
		await this.settle();
		tab.source.open();
		before();
		tab.say('caught-up', at, { topics: [], cursor: String(at), log: 'L', user: 'u', ...more });
		await this.settle();
	}
}
