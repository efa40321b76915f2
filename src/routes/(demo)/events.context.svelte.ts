/**
 * The state of the demo page: one stream, and views folded from its events. Server-rendered events and live events go
 * through the same reducers, so the page continues where the server stopped.
 */
import { getContext, onDestroy, setContext } from 'svelte';
import { SvelteSet } from 'svelte/reactivity';
import { SSEClient, type EventInfo, type Inspect, type SSEClientOptions } from 'logline/client';
import { compareIds, fetchAs, type Gap } from 'logline';
import { initialChat, reduceChat, type ChatState } from '$src/features/chat/reducer.ts';
import type { LogsState } from '$src/features/logs/reducer.ts';
import type { InboxEvent } from '$src/features/notifications/reducer.ts';
import { Proof } from './proof/proof.svelte.ts';
import type { ChatAction, ChatActionError } from './chat-action.ts';
import type { EventsData } from './events-data.ts';
import { Inbox } from './inbox.svelte.ts';
import { LogLines } from './log-lines.svelte.ts';
import type { Notice } from './notice.ts';
import { PlayerActions } from './player-actions.svelte.ts';
import {
	DEMO_TOPICS,
	isOptional,
	VIEW_OF,
	type DemoTopic,
	type DemoTopics,
	type OptionalTopic,
	type View
} from './views.ts';

/** Replaces parts of the browser, for tests; `inspect` is told of every step of the client. */
export interface EventsEnvironment {
	inspect?: Inspect;
	eventSource?: SSEClientOptions<DemoTopics>['eventSource'];
	fetch?: typeof fetch;
	reload?: () => void;
	/** Shows something in passing. Default: nothing is shown. */
	announce?: (notice: Notice) => void;
	autoConnect?: boolean;
}

/**
 * Read values through the instance (`events.chat`): there they are reactive, but destructured they are plain copies. Methods
 * may be destructured.
 */
export class EventsContext {
	/** The connection: status, last event id, counters, `connect`, `close`. */
	readonly stream: SSEClient<DemoTopics>;
	/** What comes back after the connection was lost, compared with the log. */
	readonly proof: Proof;
	/** Optional topics that are subscribed now. Change it with {@link toggleTopic}. */
	readonly activeTopics = new SvelteSet<OptionalTopic>(['notifications', 'logs']);
	/** Views whose older history is no longer kept, as the server has reported. */
	readonly trimmed = new SvelteSet<View>();
	/** The notifications, read and unread. */
	readonly inbox: Inbox;
	readonly logLines: LogLines;

	#chat = $state.raw<ChatState>(initialChat);
	#signedOut = $state(false);
	/** A line of the chat → its event. */
	readonly #chatIDs = new WeakMap<object, string>();

	/** Views whose history is being sent again, until `caught-up`. Each is emptied once, so that no event appears twice. */
	readonly #refilling = new Set<View>();
	/** Views of {@link #refilling} that still show the old state: an empty panel for a moment would flicker. */
	readonly #stale = new Set<View>();

	readonly #announce: (notice: Notice) => void;
	readonly #player: PlayerActions;

	constructor(data: EventsData, environment: EventsEnvironment = {}) {
		const given = environment.fetch ?? ((input, init) => fetch(input, init));
		const ask = data.userID === undefined ? given : fetchAs(data.userID, given);
		this.#announce = environment.announce ?? (() => {});
		this.#player = new PlayerActions(() => this.#chat, ask);
		const reload = environment.reload ?? (() => location.reload());
		this.inbox = new Inbox({
			marker: () => this.stream.readMarkers.notifications,
			markRead: (id) => this.stream.markRead('notifications', id),
			fetch: ask,
			announce: this.#announce
		});
		this.logLines = new LogLines(ask);
		this.proof = new Proof({
			cursor: () => this.stream.lastEventID ?? data.cursor,
			topics: () =>
				DEMO_TOPICS.filter((topic) => !isOptional(topic) || this.activeTopics.has(topic)),
			connect: () => this.stream.connect(),
			close: () => this.stream.close(),
			fetch: ask
		});
		for (const event of data.events) {
			if (!Object.hasOwn(VIEW_OF, event.topic)) continue;
			const value = event.json === undefined ? event.data : (JSON.parse(event.json) as unknown);
			this.proof.rendered(event.topic, event.id, value);
			this.#fold(event.topic as DemoTopic, event.id, value);
		}
		const handle =
			<K extends DemoTopic>(topic: K) =>
			(payload: DemoTopics[K], { id }: EventInfo) => {
				// A row of a list is another object than its event.
				this.proof.handled(topic, id, payload, isOptional(topic) ? id : payload);
				this.#fold(topic, id, payload, true);
			};
		this.stream = new SSEClient<DemoTopics>('/api/events', {
			topics: {
				message: handle('message'),
				prompt: handle('prompt'),
				end: handle('end'),
				reset: handle('reset'),
				notifications: handle('notifications'),
				inbox: handle('inbox'),
				logs: handle('logs')
			},
			lastEventID: data.cursor,
			log: data.log,
			userID: data.userID,
			readMarkers: data.readMarkers,
			autoConnect: environment.autoConnect ?? true,
			eventSource: environment.eventSource,
			inspect: (step) => {
				this.proof.take(step);
				environment.inspect?.(step);
			},
			onGap: (gap) => {
				if (!Object.hasOwn(VIEW_OF, gap.topic)) return;
				const view = VIEW_OF[gap.topic as DemoTopic];
				if (gap.lost !== undefined) {
					// The page shows events that the log has lost, and the story may tell some of them again.
					reload();
					return;
				}
				if (!view) return;
				this.trimmed.add(view);
				// What follows is either the whole topic, or the events after the ones shown.
				if (!isFromTheStart(gap)) return;
				this.proof.forget(gap.topic);
				this.#refill(view);
			},
			onCaughtUp: ({ cursor }) => {
				for (const view of this.#stale) this.#empty(view);
				this.#stale.clear();
				this.#refilling.clear();
				this.proof.caughtUp(cursor);
			},
			onSignedOut: () => {
				this.#signedOut = true;
				this.proof.end();
			}
		});
	}

	/** The story so far. */
	get chat(): ChatState {
		return this.#chat;
	}

	/** Returns the id of the event that brought a line of the chat. */
	chatID = (line: object): string => this.#chatIDs.get(line) ?? '0';

	/** Newest first. */
	get logs(): LogsState {
		return this.logLines.shown;
	}

	/** The line that the player must say, or null. */
	get expectedPrompt(): string | null {
		return this.#chat.expectedPrompt;
	}

	/** True when the story has reached its end. */
	get ended(): boolean {
		return this.#chat.ended;
	}

	/** The session has ended. The stream returns only after a sign-in. */
	get signedOut(): boolean {
		return this.#signedOut;
	}

	/** The player's last action, until its event has arrived. */
	get pending(): ChatAction | null {
		return this.#player.pending;
	}

	/** Why the player's last action failed; null after a later action succeeds or the chat changes. */
	get actionError(): ChatActionError | null {
		return this.#player.error;
	}

	/** Turns an optional topic off (its list stays) or on again (its list is filled again from the log). */
	toggleTopic = (topic: OptionalTopic): void => {
		this.proof.forget(topic);
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

	/** Says the line that the story waits for. Does nothing when it does not wait, or when the line was said already. */
	sendPrompt = async (): Promise<void> => {
		if (this.expectedPrompt !== null) await this.#player.act('send_prompt');
	};

	/** Restarts the story. */
	resetChat = (): Promise<void> => this.#player.act('reset');

	/** Takes the last reset back. */
	undoReset = async (): Promise<void> => {
		if (!this.pending) return this.#player.act('undo_reset');
		const text = 'Your last action is still under way.';
		this.#announce({ tone: 'problem', text, undo: this.undoReset });
	};

	/** @param isLive the event was not rendered by the server */
	#fold(topic: DemoTopic, id: string, data: unknown, isLive = false): void {
		// Any SQL client may publish, so not every payload is checked. A payload that is no object cannot be shown.
		if (typeof data !== 'object' || data === null) return;
		const view = VIEW_OF[topic];
		if (view && this.#stale.delete(view)) this.#empty(view);
		const event = { id, topic, data } as {
			[K in DemoTopic]: { id: string; topic: K; data: DemoTopics[K] };
		}[DemoTopic];
		switch (event.topic) {
			case 'notifications':
			case 'inbox':
				this.inbox.fold(event satisfies InboxEvent);
				if (isLive && event.topic === 'notifications' && !this.#refilling.has('notifications')) {
					this.inbox.tell(id);
				}
				break;
			case 'logs':
				this.logLines.fold(event);
				break;
			default: {
				const isOwnReset = event.topic === 'reset' && !event.data.undo && this.pending === 'reset';
				this.#chatIDs.set(event.data, id);
				this.#chat = reduceChat(this.#chat, event);
				// Only now: before it is in the log, it cannot be taken back.
				if (isOwnReset) {
					const text = 'The story begins anew.';
					this.#announce({ tone: 'done', text, undo: this.undoReset });
				}
			}
		}
	}

	#refill(view: View): void {
		if (this.#refilling.has(view)) return;
		this.#refilling.add(view);
		this.#stale.add(view);
	}

	#empty(view: View): void {
		if (view === 'chat') this.#chat = initialChat;
		else if (view === 'logs') this.logLines.empty();
		else this.inbox.empty();
	}
}

/** @returns true when the topic begins again: the cursor is not of this log, or the topic is new to this client */
const isFromTheStart = ({ after, oldest }: Gap) =>
	after === '0' || oldest === null || compareIds(oldest, after) <= 0;

const KEY = Symbol('logline.events');

/** Creates the page's {@link EventsContext} and sets it as a context. Call it during the initialization of a component. */
export function setEventsContext(
	data: EventsData,
	environment?: Pick<EventsEnvironment, 'announce' | 'inspect'>
): EventsContext {
	const events = setContext(KEY, new EventsContext(data, environment));
	onDestroy(() => events.proof.end());
	return events;
}

/**
 * Returns the page's {@link EventsContext}.
 *
 * @throws Error outside a component tree in which {@link setEventsContext} was called
 */
export function getEventsContext(): EventsContext {
	const context = getContext<EventsContext | undefined>(KEY);
	if (!context) {
		throw new Error('EventsContext is missing: call setEventsContext(data) in a parent component');
	}
	return context;
}
