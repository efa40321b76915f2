import { describe, expect, it } from 'vitest';
import { streamURL } from './url.ts';

const request = { topics: ['chat@0', 'logs@2'], client: 'c1', cursor: null, log: null, user: null };

function query(url: string): URLSearchParams {
	return new URL(url, 'http://localhost').searchParams;
}

describe('the address of a stream', () => {
	it('names every topic and the client, and no cursor before the first event', () => {
		const url = streamURL('/api/events', request);
		expect(url.startsWith('/api/events?')).toBe(true);
		expect(query(url).getAll('topics')).toEqual(['chat@0', 'logs@2']);
		expect(query(url).get('client')).toBe('c1');
		expect(query(url).has('lastEventID')).toBe(false);
		expect(query(url).has('log')).toBe(false);
		expect(query(url).has('user')).toBe(false);
	});

	it('says whose events the client has, once it knows', () => {
		expect(query(streamURL('/api/events', { ...request, user: '7' })).get('user')).toBe('7');
	});

	it('carries a cursor larger than any number, and the epoch, untouched', () => {
		const url = streamURL('/api/events', { ...request, cursor: '9007199254740993', log: 'e1' });
		expect(query(url).get('lastEventID')).toBe('9007199254740993');
		expect(query(url).get('log')).toBe('e1');
	});

	it('keeps the query an application has put there, and drops a fragment', () => {
		const url = streamURL('https://example.org/api/task?taskId=7&x=a%26b#top', request);
		expect(url.startsWith('https://example.org/api/task?')).toBe(true);
		expect(query(url).get('taskId')).toBe('7');
		expect(query(url).get('x')).toBe('a&b');
		expect(url).not.toContain('#');
	});

	it('does not say the same thing twice when the address already has our names', () => {
		const url = streamURL('/api/events?topics=old&lastEventID=3&log=x&client=y', request);
		expect(query(url).getAll('topics')).toEqual(['chat@0', 'logs@2']);
		expect(query(url).getAll('client')).toEqual(['c1']);
		expect(query(url).has('lastEventID')).toBe(false);
		expect(query(url).has('log')).toBe(false);
	});
});
