/** Clients in Node that read the response of a fetch. */
import { fetchEventSource } from '@sentool/fetch-event-source';
import { EventSourcePlus } from 'event-source-plus';
import { createEventSource } from 'eventsource-client';
import { EventSourceParserStream } from 'eventsource-parser/stream';
import { stream } from 'fetch-event-stream';
import { fetchEventData } from 'fetch-sse';
import { again } from './again.ts';
import type { ForeignClient, Open } from './client.ts';

const eventsourceClient: Open = ({ url, topics, headers }, take) => {
	const source = createEventSource({
		url,
		headers,
		onMessage: ({ id = '', event = '', data }) => {
			if (topics.includes(event)) take({ id, topic: event, data });
		}
	});
	return () => source.close();
};

const eventSourcePlus: Open = ({ url, topics, headers }, take) => {
	const controller = new EventSourcePlus(url, { headers }).listen({
		onMessage: ({ id = '', event, data }) => {
			if (topics.includes(event)) take({ id, topic: event, data });
		}
	});
	return () => controller.abort();
};

const fetchEventStream: Open = ({ url, topics, headers }, take, over) => {
	const { signal, close } = closing();
	void (async () => {
		for await (const { id = '', event = '', data = '' } of await stream(url, { headers, signal })) {
			if (topics.includes(event)) take({ id: String(id), topic: event, data });
		}
	})().then(over, over);
	return close;
};

const parser: Open = ({ url, topics, headers }, take, over) => {
	const { signal, close } = closing();
	void (async () => {
		const response = await fetch(url, { headers, signal });
		if (!response.ok || !response.body) return;
		const events = response.body
			.pipeThrough(new TextDecoderStream())
			.pipeThrough(new EventSourceParserStream());
		for await (const { id = '', event = '', data } of events) {
			if (topics.includes(event)) take({ id, topic: event, data });
		}
	})().then(over, over);
	return close;
};

const sentool: Open = ({ url, topics, headers }, take, over) => {
	const { signal, close } = closing();
	void fetchEventSource(url, {
		headers,
		signal,
		parseJson: false,
		onmessage: ({ id = '', event = '', data = '' }) => {
			if (topics.includes(String(event))) take({ id: String(id), topic: String(event), data });
		},
		done: over,
		onerror: over
	});
	return close;
};

/** It exposes no ids, but the raw lines are available: the first line of Logline's events is the id. */
const fetchSse =
	(raw: boolean): Open =>
	({ url, topics, headers }, take, over) => {
		const { signal, close } = closing();
		void fetchEventData(url, {
			method: 'GET',
			headers,
			signal,
			onMessage: (event) => {
				const topic = event?.event ?? '';
				if (!event || !topics.includes(topic)) return;
				take({ id: raw ? event.raw[0]! : '', topic, data: event.data });
			},
			onClose: over,
			onError: over
		});
		return close;
	};

function closing(): { signal: AbortSignal; close: () => void } {
	const controller = new AbortController();
	return { signal: controller.signal, close: () => controller.abort() };
}

export const fetchingClients: ForeignClient[] = [
	{
		name: '`eventsource-client`',
		package: 'eventsource-client',
		where: 'Node',
		plain: eventsourceClient,
		headers: true
	},
	{
		name: '`event-source-plus`',
		package: 'event-source-plus',
		where: 'Node',
		plain: eventSourcePlus,
		headers: true
	},
	{
		name: '`eventsource-parser`',
		package: 'eventsource-parser',
		where: 'Node',
		plain: parser,
		safe: again(parser)
	},
	{
		name: '`fetch-event-stream`',
		package: 'fetch-event-stream',
		where: 'Node',
		plain: fetchEventStream,
		safe: again(fetchEventStream)
	},
	{
		name: '`@sentool/fetch-event-source`',
		package: '@sentool/fetch-event-source',
		where: 'Node',
		plain: sentool,
		safe: again(sentool)
	},
	{
		name: '`fetch-sse`',
		package: 'fetch-sse',
		where: 'Node',
		plain: fetchSse(false),
		safe: again(fetchSse(true))
	}
];
