import { flushSync } from 'svelte';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { DrivenEventSource } from '../../../tests/client/driven-event-source.ts';
import { SSEClient, type SSEClientOptions } from './index.ts';

interface Topics {
	news: unknown;
	other: unknown;
}

let posted: { url: string; body: unknown }[];
let answer: () => Response;

const marker = (id: string, unread = 0, topic = 'news') => ({ topic, id, unread });

function connect(options: Partial<SSEClientOptions<Topics>> = {}) {
	const client = new SSEClient<Topics>('/api/events', {
		topics: { news: () => {} },
		eventSource: DrivenEventSource,
		fetch: (url, init) => {
			posted.push({ url: String(url), body: JSON.parse(String(init?.body)) as unknown });
			return Promise.resolve(answer());
		},
		...options
	});
	DrivenEventSource.last.open();
	return client;
}

const tell = (data: unknown) => DrivenEventSource.last.emit('read', '', data);

beforeEach(() => {
	DrivenEventSource.all = [];
	posted = [];
	answer = () => Response.json(marker('5', 1));
});

describe('how far a topic is read', () => {
	it('is known as soon as the server says it, and what depends on it is drawn again', () => {
		const seen: unknown[] = [];
		const client = connect();
		const end = $effect.root(() => {
			$effect(() => {
				seen.push(client.readMarkers.news?.unread ?? null);
			});
		});
		flushSync();
		tell(marker('3', 7));
		flushSync();
		end();
		client.close();
		expect(seen).toEqual([null, 7]);
	});

	it('is the larger of what the stream and a request say, whichever comes first', async () => {
		const onRead = vi.fn();
		const client = connect({ onRead });
		tell(marker('9', 2));
		expect(await client.markRead('news', '10')).toEqual(marker('5', 1));
		expect(client.readMarkers).toEqual({ news: marker('9', 2) });
		tell(marker('8', 3));
		tell(marker('9', 2));
		tell(marker('10', 0));
		expect(client.readMarkers).toEqual({ news: marker('10', 0) });
		expect(onRead.mock.calls).toEqual([[marker('9', 2)], [marker('10', 0)]]);
		client.close();
	});

	it('is posted for the last handled event, and only when it moves', async () => {
		const client = connect({ readURL: '/elsewhere' });
		expect(await client.markRead('news')).toBeNull();
		DrivenEventSource.last.emit('news', 4, {}).emit('news', 5, {}).emit('keep-alive', 90, {});
		expect(await client.markRead('news')).toEqual(marker('5', 1));
		expect(await client.markRead('news')).toEqual(marker('5', 1));
		expect(await client.markRead('news', '4')).toEqual(marker('5', 1));
		expect(posted).toEqual([{ url: '/elsewhere', body: { topic: 'news', id: '5' } }]);
		client.close();
	});

	it('is moved for the user of the page alone, as soon as the client knows who that is', async () => {
		const known = connect({ userID: 'a b', readURL: '/read?of=me' });
		await known.markRead('news', '7');
		known.close();
		const client = connect();
		DrivenEventSource.last.emit('caught-up', 1, {
			topics: ['news'],
			cursor: '1',
			log: 'a-log',
			user: 'ann'
		});
		await client.markRead('news', '7');
		client.close();
		expect(posted.map(({ url }) => url)).toEqual(['/read?of=me&user=a+b', '/api/read?user=ann']);
	});

	it('begins with what the page was rendered with, and is forgotten with the topic', () => {
		const client = connect({ readMarkers: { news: marker('3'), other: marker('2', 1, 'other') } });
		expect(client.readMarkers.news).toEqual(marker('3'));
		DrivenEventSource.last.emit('denied', '', { topic: 'news', reason: 'revoked' });
		expect(client.readMarkers).toEqual({ other: marker('2', 1, 'other') });
		client.close();
	});

	it('is refused with the reason of the server, and stays as it was', async () => {
		answer = () =>
			Response.json({ error: { code: 'forbidden_topic', message: 'No.' } }, { status: 403 });
		const client = connect();
		await expect(client.markRead('news', '7')).rejects.toMatchObject({
			code: 'forbidden_topic',
			status: 403
		});
		expect(client.readMarkers).toEqual({});
		client.close();
	});
});
