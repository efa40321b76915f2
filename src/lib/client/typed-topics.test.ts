import { expect, expectTypeOf, it } from 'vitest';
import { DrivenEventSource } from '../../../tests/client/driven-event-source.ts';
import { SSEClient, type TopicHandlers, type TopicsUpdate } from './index.ts';

interface Topics {
	news: { title: string };
	'rooms/[room]/messages': { text: string };
	'orgs/[org]/log': { line: string };
	'orgs/[org]/projects/[project]/log': { step: number };
}

const ignore = () => {};

it('a handler gets the payload of its topic, of its pattern or of its wildcard', () => {
	const client = new SSEClient<Topics>('/api/events', {
		eventSource: DrivenEventSource,
		autoConnect: false,
		topics: {
			news: (data) => expectTypeOf(data).toEqualTypeOf<{ title: string }>(),
			'rooms/42/messages': (data) => expectTypeOf(data).toEqualTypeOf<{ text: string }>(),
			'rooms/*/messages': (data, { id, topic, params }) => {
				expectTypeOf(data).toEqualTypeOf<{ text: string }>();
				expectTypeOf({ id, topic }).toEqualTypeOf<{ id: string; topic: string }>();
				expectTypeOf(params).toEqualTypeOf<readonly string[]>();
			}
		}
	});
	client.updateTopics({
		addTopics: { 'rooms/7/messages': ({ text }) => expectTypeOf(text).toBeString() },
		removeTopics: ['rooms/42/messages', 'rooms/*/messages', 'news']
	});
	client.updateTopics({
		addTopics: ['news', 'rooms/*/messages'],
		nextTopics: { 'rooms/*/messages': (data) => expectTypeOf(data.text).toBeString() }
	});
});

it('a topic whose text could be of two patterns has the payload of one of them', () => {
	const handlers: TopicHandlers<Topics> = {
		'orgs/7/log': (data) => expectTypeOf(data).toEqualTypeOf<{ line: string }>(),
		'orgs/7/projects/3/log': (data) =>
			expectTypeOf(data).toEqualTypeOf<{ line: string } | { step: number }>()
	};
	expect(Object.keys(handlers)).toHaveLength(2);
});

it('a name that is not declared, or a field that the payload has not, is a type error', () => {
	const handlers: TopicHandlers<Topics>[] = [
		// @ts-expect-error -- no such topic
		{ new: ignore },
		// @ts-expect-error -- no such pattern
		{ 'rooms/42/members': ignore },
		// @ts-expect-error -- no such wildcard
		{ 'teams/*/messages': ignore },
		// @ts-expect-error -- a pattern is not a topic
		{ 'rooms/[room]/messages': ignore },
		// @ts-expect-error -- no such field
		{ 'rooms/42/messages': ({ title }) => title },
		// @ts-expect-error -- no such field
		{ 'rooms/*/messages': ({ title }) => title }
	];
	// @ts-expect-error -- no such topic, where no pattern is declared
	const plain: TopicHandlers<Pick<Topics, 'news'>> = { new: ignore };
	const updates: TopicsUpdate<Topics>[] = [
		// @ts-expect-error -- no such topic
		{ addTopics: ['rooms/42/members'] },
		// @ts-expect-error -- no such topic
		{ removeTopics: ['new'] },
		// @ts-expect-error -- no such topic
		{ nextTopics: { new: ignore } }
	];
	expect([handlers.length, updates.length, Object.keys(plain).length]).toEqual([6, 3, 1]);
});
