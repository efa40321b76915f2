export { SSEClient, type SSEStatus } from './sse-client.svelte.ts';
export type { Condition } from './life.ts';
export type { SSEClientOptions, PresenceUpdate, TopicHandlers, TopicsUpdate } from './options.ts';
export type {
	Denied,
	DeniedReason,
	Ended,
	PresentUser,
	ReadMarker,
	SignalSender,
	TopicOf
} from '../protocol/index.ts';
export type { CurrentSignal } from './signals.svelte.ts';
export type { EventInfo, TopicHandler } from './subscriptions.ts';
export type { Inspect, Inspected } from './inspect.ts';
export { StreamRefused } from './refusal.ts';
export type { EventSourceConstructor, EventSourceLike } from './source.ts';
