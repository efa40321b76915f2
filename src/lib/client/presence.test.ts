import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DrivenEventSource } from '../../../tests/client/driven-event-source.ts';
import { SSEClient } from './index.ts';

const ROOM = 'rooms/42';
const ann = { id: '1', name: 'Ann', state: {} };
const bob = { id: '2', name: 'Bob', state: { status: 'away' } };

let client: SSEClient<{ news: string }>;
const told = (data: object) => DrivenEventSource.last.emit('presence', '', data);
const names = () =>
	client.presence(ROOM).map(({ name, state }) => `${name} ${String(state.status)}`);

beforeEach(() => {
	vi.stubGlobal('reportError', vi.fn());
	DrivenEventSource.all = [];
	client = new SSEClient('/api/events', {
		topics: { news: () => undefined },
		presence: [ROOM],
		state: { status: 'here' },
		eventSource: DrivenEventSource
	});
	DrivenEventSource.last.open();
});
afterEach(() => {
	client.close();
	vi.unstubAllGlobals();
});

describe('the presence of a client', () => {
	it('is asked for, and its list follows what the server says', () => {
		const { query } = DrivenEventSource.last;
		expect(query.getAll('presence')).toEqual([ROOM]);
		expect(query.get('state')).toBe('{"status":"here"}');
		expect(names()).toEqual([]);
		told({ scope: ROOM, users: [ann] });
		told({ scope: ROOM, joined: [bob], left: [] });
		expect(names()).toEqual(['Ann undefined', 'Bob away']);
		told({ scope: ROOM, joined: [{ ...bob, state: {} }], left: ['1'] });
		expect(names()).toEqual(['Bob undefined']);
		told({ scope: 'rooms/1', users: [ann] });
		told({ scope: ROOM, users: [{ id: 1 }] });
		expect(names()).toEqual(['Bob undefined']);
		expect(reportError).toHaveBeenCalledTimes(1);
	});

	it('ends with the grant, and with the client', () => {
		told({ scope: ROOM, users: [ann] });
		DrivenEventSource.last.emit('denied', '', { topic: ROOM, reason: 'revoked' });
		expect(names()).toEqual([]);
		told({ scope: ROOM, users: [ann] });
		client.close();
		expect(names()).toEqual([]);
	});

	it('changes while it runs: other scopes, another state', () => {
		told({ scope: ROOM, users: [ann] });
		client.updatePresence({ state: { status: 'away' } });
		expect(DrivenEventSource.last.query.get('state')).toBe('{"status":"away"}');
		expect(names()).toEqual(['Ann undefined']);
		client.updatePresence({ scopes: ['rooms/1'] });
		expect(DrivenEventSource.last.query.getAll('presence')).toEqual(['rooms/1']);
		expect(names()).toEqual([]);
	});
});
