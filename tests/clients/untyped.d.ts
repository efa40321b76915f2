/** Types for libraries without types, as far as the tests use them. */

interface PlainEvent {
	data: string;
	lastEventId: string;
}

interface PlainSource {
	readonly readyState: number;
	onerror: ((error: unknown) => void) | null;
	addEventListener(name: string, listener: (event: PlainEvent) => void): void;
	close(): void;
}

declare module 'eventsource-2' {
	const EventSource: new (url: string, options: { headers: Record<string, string> }) => PlainSource;
	export default EventSource;
}

declare module 'launchdarkly-eventsource' {
	const library: {
		EventSource: new (
			url: string,
			options: { headers: Record<string, string>; agent: import('node:http').Agent }
		) => PlainSource;
	};
	export default library;
}

declare module 'event-source-polyfill' {
	export const EventSourcePolyfill: new (
		url: string,
		options: { headers: Record<string, string> }
	) => PlainSource;
}

declare module '@sentool/fetch-event-source' {
	export function fetchEventSource(
		url: string,
		options: {
			headers: Record<string, string>;
			signal: AbortSignal;
			parseJson: boolean;
			onmessage(message: { id?: number | string; event?: number | string; data?: string }): void;
			done(): void;
			onerror(error: unknown): void;
		}
	): Promise<unknown>;
}

declare module 'react-native-sse/src/EventSource.js' {
	const EventSource: unknown;
	export default EventSource;
}
