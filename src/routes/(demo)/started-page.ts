import { AnsweringServer } from '../../../tests/client/answering-server.ts';
import { DrivenEventSource } from '../../../tests/client/driven-event-source.ts';
import { EventsContext } from './events.context.svelte.ts';
import type { EventsData } from './events-data.ts';
import type { Notice } from './notice.ts';

export const line = (id: number, text: string, isMe = false) => ({
	id: String(id),
	topic: 'message',
	data: { id: `m${id}`, sender: isMe ? 'You' : 'Ada', text, isMe }
});
export const prompt = (id: number, text: string) => ({
	id: String(id),
	topic: 'prompt',
	data: { id: `p${id}`, sender: 'System', text }
});
export const entry = (text: string) => ({
	id: text,
	level: 'info',
	source: 'test',
	message: text,
	timestamp: '2025-03-01T10:00:00.000Z'
});
export const logEvent = (id: number, text: string) => ({
	id: String(id),
	topic: 'logs',
	data: entry(text)
});

const open: EventsContext[] = [];

/** The state of a page, with a server that answers when the test says so. */
export function start(data: Partial<EventsData> = {}) {
	DrivenEventSource.all = [];
	const server = new AnsweringServer();
	let reloaded = 0;
	const notices: Notice[] = [];
	const events = new EventsContext(
		{ events: [], cursor: '0', ...data },
		{
			eventSource: DrivenEventSource,
			fetch: server.fetch,
			reload: () => {
				reloaded++;
			},
			announce: (notice) => notices.push(notice)
		}
	);
	open.push(events);
	const source = () => DrivenEventSource.last;
	return { events, server, source, notices, reloads: () => reloaded };
}

/** Ends every page that was started. Call it after each test. */
export function endPages(): void {
	for (const { stream, proof } of open.splice(0)) {
		proof.end();
		stream.close();
	}
}

export const caughtUp = (cursor: number) => ({ topics: [], cursor: String(cursor), log: 'a-log' });
export const texts = (events: EventsContext) => events.chat.messages.map(({ text }) => text);
export const logTexts = (events: EventsContext) => events.logs.map(({ message }) => message);
