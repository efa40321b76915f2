import { describe, expect, it } from 'vitest';
import { asUser, fetchAs, requireSameUser } from './index.ts';

const url = (address: string) => new URL(address, 'http://localhost');

describe('a request of a page', () => {
	it.each(['/api/read', '/log/events.json?limit=5', '?/say&room=rooms%2F1', '/page?a=1#part'])(
		'to %s counts for its user only, and keeps its own parameters',
		(address) => {
			for (const id of ['7', 'a&user=b', '50 %', 'Ötzi#1+?', '']) {
				const asked = url(asUser(address, id));
				expect(asked.searchParams.get('user')).toBe(id);
				asked.searchParams.delete('user');
				const before = url(address);
				expect([...asked.searchParams]).toEqual([...before.searchParams]);
				expect(asked.pathname).toBe(before.pathname);
				expect(() => requireSameUser(url(asUser(address, id)), { id })).not.toThrow();
				expect(() => requireSameUser(url(asUser(address, id)), { id: 'another' })).toThrow(
					expect.objectContaining({ code: 'unauthorized', status: 401 }) as Error
				);
			}
			expect(() => requireSameUser(url(address), { id: 'another' })).not.toThrow();
		}
	);

	it('by fetch says whose it is, however its address is given', async () => {
		const asked: Request[] = [];
		const fetchAsAda = fetchAs('ada', (input, init) => {
			asked.push(input instanceof Request ? input : new Request(url(String(input)), init));
			return Promise.resolve(new Response());
		});
		const init = { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } };
		await fetchAsAda('/api/chat', init);
		await fetchAsAda(url('/api/chat'), init);
		await fetchAsAda(new Request(url('/api/chat'), init));
		for (const request of asked) {
			expect(request.url).toBe('http://localhost/api/chat?user=ada');
			expect(request.method).toBe('POST');
			expect(request.headers.get('content-type')).toBe('application/json');
			expect(await request.text()).toBe('{}');
		}
		expect(asked).toHaveLength(3);
	});
});
