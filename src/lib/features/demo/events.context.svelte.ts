/**
 * What the demo page knows: one stream, and views folded from its events. The server-rendered events go through the same
 * reducers as the live ones, so the page goes on where the server stopped.
 */
import { getContext, setContext } from 'svelte';
import { SvelteSet } from 'svelte/reactivity';
import { SSEClient, type SSEClientOptions } from '$lib/client';
import type { SSETopicsMap } from '$lib/protocol';
import { initialChat, reduceChat, type ChatState } from '../chat/reducer.ts';
import { initialLogs, reduceLogs, type LogsState } from '../logs/reducer.ts';
import {
	initialNotifications,
	reduceNotifications,
	type NotificationsState
} from '../notifications/reducer.ts';
import { postChatAction, type ChatAction, type ChatActionError } from './chat-action.ts';

/** Topics the reader may turn off. */
export type OptionalTopic = 'notifications' | 'logs';

/** A part of the page that shows a fold. */
export type View = 'chat' | OptionalTopic;

/** What `load` of the page returns for the stream. */
export interface EventsData {
	/** Visible history, in id order. */
	events: readonly { id: string; topic: string; data: unknown }[];
	/** Position of the log for which `events` is true. */
	cursor: string;
	/** Epoch of the log that the position belongs to. */
	log?: string;
	/** Whose history it is. */
	userID?: string;
}

type DemoTopics = Pick<
	SSETopicsMap,
	'message' | 'prompt' | 'end' | 'reset' | 'notifications' | 'logs'
>;
type DemoTopic = keyof DemoTopics;

const VIEW_OF: Readonly<Record<DemoTopic, View>> = {
	message: 'chat',
	prompt: 'chat',
	end: 'chat',
	reset: 'chat',
	notifications: 'notifications',
	logs: 'logs'
};

/** For tests: what the browser would provide. */
export interface EventsEnvironment {
	eventSource?: SSEClientOptions<DemoTopics>['eventSource'];
	fetch?: typeof fetch;
	autoConnect?: boolean;
}

/**
 * Read values through the instance (`events.chat`): they are reactive there and plain copies once destructured. Methods may
 * be destructured.
 */
export class EventsContext {
	/** The connection: status, last event id, counters, `connect`, `close`. */
	readonly stream: SSEClient<DemoTopics>;
	/** Optional topics that are subscribed to now. Change it with {@link toggleTopic}. */
	readonly activeTopics = new SvelteSet<OptionalTopic>(['notifications', 'logs']);
	/** Views of whose older history the server said that it is no longer kept. */
	readonly trimmed = new SvelteSet<View>();

	#chat = $state.raw<ChatState>(initialChat);
	#notifications = $state.raw<NotificationsState>(initialNotifications);
	#logs = $state.raw<LogsState>(initialLogs);
	#signedOut = $state(false);

	/** Views whose history is on its way again, until `caught-up`; each is emptied once, so that nothing shows twice. */
	readonly #refilling = new Set<View>();
	/** Those of them that still show the old state: an empty panel for an instant would be a flicker. */
	readonly #stale = new Set<View>();

	readonly #fetch: typeof fetch;
	#inFlight = $state.raw<ChatAction | null>(null);
	/** The last accepted action and what the chat was then: it takes effect with the event that changes the chat. */
	#accepted = $state.raw<{ action: ChatAction; before: ChatState } | null>(null);
	#actionError = $state.raw<ChatActionError | null>(null);

	constructor(data: EventsData, environment: EventsEnvironment = {}) {
		this.#fetch = environment.fetch ?? ((input, init) => fetch(input, init));
		for (const event of data.events) {
			if (event.topic in VIEW_OF) this.#fold(event.topic as DemoTopic, event.data);
		}
		const handle =
			<K extends DemoTopic>(topic: K) =>
			(payload: DemoTopics[K]) =>
				this.#fold(topic, payload);
		this.stream = new SSEClient<DemoTopics>('/api/events', {
			topics: {
				message: handle('message'),
				prompt: handle('prompt'),
				end: handle('end'),
				reset: handle('reset'),
				notifications: handle('notifications'),
				logs: handle('logs')
			},
			lastEventID: data.cursor,
			log: data.log,
			userID: data.userID,
			autoConnect: environment.autoConnect ?? true,
			eventSource: environment.eventSource,
			onGap: ({ topic }) => {
				const view = topic in VIEW_OF ? VIEW_OF[topic as DemoTopic] : undefined;
				if (!view) return;
				this.trimmed.add(view);
				this.#refill(view);
			},
			onCaughtUp: () => {
				for (const view of this.#stale) this.#empty(view);
				this.#stale.clear();
				this.#refilling.clear();
			},
			onSignedOut: () => {
				this.#signedOut = true;
			}
		});
	}

	/** The story so far. */
	get chat(): ChatState {
		return this.#chat;
	}

	/** Newest first. */
	get notifications(): NotificationsState {
		return this.#notifications;
	}

	/** Newest first. */
	get logs(): LogsState {
		return this.#logs;
	}

	/** What the story waits for the player to say, or null. */
	get expectedPrompt(): string | null {
		return this.#chat.expectedPrompt;
	}

	/** Whether the story has been told to its end. */
	get ended(): boolean {
		return this.#chat.ended;
	}

	/** The session has ended; the stream will not come back without signing in. */
	get signedOut(): boolean {
		return this.#signedOut;
	}

	/** What the player did last, while its event has not arrived yet. */
	get pending(): ChatAction | null {
		if (this.#inFlight) return this.#inFlight;
		return this.#accepted?.before === this.#chat ? this.#accepted.action : null;
	}

	/** Why the player's last action did not reach the server; null once one does. */
	get actionError(): ChatActionError | null {
		return this.#actionError;
	}

	/** Turns an optional topic off (its list stays as it is) or on again (its list is filled anew from the log). */
	toggleTopic = (topic: OptionalTopic): void => {
		if (this.activeTopics.delete(topic)) {
			this.#refilling.delete(topic);
			this.#stale.delete(topic);
			this.stream.updateTopics({ removeTopics: [topic] });
		} else {
			this.activeTopics.add(topic);
			this.#refill(topic);
			this.stream.updateTopics({ addTopics: [topic] });
		}
	};

	/** Says what the story waits for. Does nothing when it does not wait, or when it was said already. */
	sendPrompt = async (): Promise<void> => {
		if (this.expectedPrompt !== null) await this.#act('send_prompt');
	};

	/** Starts the story anew. */
	resetChat = (): Promise<void> => this.#act('reset');

	/** Empties the list on this page; the log keeps the events. */
	clearNotifications = (): void => {
		this.#notifications = initialNotifications;
	};

	async #act(action: ChatAction): Promise<void> {
		if (this.pending) return;
		const before = this.#chat;
		this.#inFlight = action;
		this.#actionError = null;
		const error = await postChatAction(action, this.#fetch);
		this.#inFlight = null;
		this.#actionError = error;
		if (!error) this.#accepted = { action, before };
	}

	#fold(topic: DemoTopic, data: unknown): void {
		// Any SQL client may publish, so not every payload was checked; one that is no object has nothing to show.
		if (typeof data !== 'object' || data === null) return;
		const view = VIEW_OF[topic];
		if (this.#stale.delete(view)) this.#empty(view);
		const event = { topic, data } as {
			[K in DemoTopic]: { topic: K; data: DemoTopics[K] };
		}[DemoTopic];
		switch (event.topic) {
			case 'notifications':
				this.#notifications = reduceNotifications(this.#notifications, event);
				break;
			case 'logs':
				this.#logs = reduceLogs(this.#logs, event);
				break;
			default:
				this.#chat = reduceChat(this.#chat, event);
		}
	}

	#refill(view: View): void {
		if (this.#refilling.has(view)) return;
		this.#refilling.add(view);
		this.#stale.add(view);
	}

	#empty(view: View): void {
		if (view === 'chat') this.#chat = initialChat;
		else if (view === 'logs') this.#logs = initialLogs;
		else this.#notifications = initialNotifications;
	}
}

const KEY = Symbol('logline.events');

/** Creates the page's {@link EventsContext} and hands it down. Call while a component is being set up. */
export function setEventsContext(data: EventsData): EventsContext {
	return setContext(KEY, new EventsContext(data));
}

/**
 * The page's {@link EventsContext}.
 *
 * @throws Error outside a component tree in which {@link setEventsContext} was called.
 */
export function getEventsContext(): EventsContext {
	const context = getContext<EventsContext | undefined>(KEY);
	if (!context) {
		throw new Error('EventsContext is missing: call setEventsContext(data) in a parent component');
	}
	return context;
}
