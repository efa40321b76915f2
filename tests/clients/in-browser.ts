/** Clients for browsers, inside the page. Bundled by `browser.ts`. */
import { fetchEventSource } from '@microsoft/fetch-event-source';
import { EventSourcePolyfill } from 'event-source-polyfill';
import type ReactNativeSource from 'react-native-sse';
import reactNativeSse from 'react-native-sse/src/EventSource.js';
import ReconnectingEventSource from 'reconnecting-eventsource';
import { SSE } from 'sse.js';
import { source as svelteKitSource } from 'sveltekit-sse';
import type { Close, Open } from './client.ts';

/** Sends a message from the page to the test; see `browser.ts`. */
declare const tell: (number: number, told: unknown) => Promise<void>;

const CLOSED = 2;

function standard(start: (url: string, headers: Record<string, string>) => PlainSource): Open {
	return ({ url, topics, headers }, take, over) => {
		const source = start(url, headers);
		for (const topic of topics) {
			source.addEventListener(topic, (event) =>
				take({ id: event.lastEventId, topic, data: event.data })
			);
		}
		source.onerror = () => {
			if (source.readyState === CLOSED) over();
		};
		return () => source.close();
	};
}

/** @param forEver true: the end of the stream counts as an error, after which it tries again */
const microsoft =
	(forEver: boolean): Open =>
	({ url, topics, headers }, take, over) => {
		const controller = new AbortController();
		fetchEventSource(url, {
			headers,
			signal: controller.signal,
			onmessage: ({ id, event, data }) => {
				if (topics.includes(event)) take({ id, topic: event, data });
			},
			onclose: () => {
				if (forEver) throw new Error('The stream has ended.');
			}
		}).then(over, over);
		return () => controller.abort();
	};

const sseJs =
	(autoReconnect: boolean): Open =>
	({ url, topics, headers }, take, over) => {
		const source = new SSE(url, { headers, autoReconnect });
		for (const topic of topics) {
			source.addEventListener(topic, (event: CustomEvent & { data: string; id: string }) =>
				take({ id: event.id, topic, data: event.data })
			);
		}
		source.addEventListener('readystatechange', ({ readyState }: { readyState: number }) => {
			if (readyState === SSE.CLOSED && !autoReconnect) over();
		});
		return () => source.close();
	};

/** Its entry is for React Native's bundler, which is less strict about module formats. */
const NativeSource = reactNativeSse as typeof ReactNativeSource;

/** An error with status 0 is its last event: it reconnects only after a response. */
const reactNative: Open = ({ url, topics, headers }, take, over) => {
	const source = new NativeSource<string>(url, { headers });
	for (const topic of topics) {
		source.addEventListener(topic, (event) => {
			take({ id: event.lastEventId ?? '', topic, data: event.data ?? '' });
		});
	}
	source.addEventListener('error', (event) => {
		if (event.type === 'error' && event.xhrStatus === 0) over();
	});
	return () => source.close();
};

/** It reports no broken connection to its user. The page only sees an unhandled rejection. */
const svelteKit: Open = ({ url, topics, headers }, take, over) => {
	const source = svelteKitSource(url, {
		cache: false,
		options: { method: 'GET', headers },
		close: over
	});
	window.addEventListener('unhandledrejection', over, { once: true });
	const ends = topics.map((topic) =>
		source.select(topic).subscribe((data) => {
			if (data !== '') take({ id: '', topic, data });
		})
	);
	return () => {
		for (const end of ends) end();
	};
};

const clients: Record<string, Open> = {
	native: standard((url) => new EventSource(url) as unknown as PlainSource),
	polyfill: standard((url, headers) => new EventSourcePolyfill(url, { headers })),
	reconnecting: standard((url) => new ReconnectingEventSource(url) as unknown as PlainSource),
	microsoft: microsoft(false),
	'microsoft for ever': microsoft(true),
	'sse.js': sseJs(false),
	'sse.js for ever': sseJs(true),
	'react-native': reactNative,
	sveltekit: svelteKit
};

const open = new Map<number, Close>();

Object.assign(globalThis, {
	startClient(name: string, number: number, reading: Parameters<Open>[0]) {
		const close = clients[name]!(
			reading,
			(event) => void tell(number, event),
			() => void tell(number, 'over')
		);
		open.set(number, close);
	},
	endClient(number: number) {
		void open.get(number)?.();
		open.delete(number);
	}
});
