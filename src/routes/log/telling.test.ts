import { expect, it } from 'vitest';
import { tellingOf } from './telling.ts';

it.each([
	[{ id: 'x', level: 'info', message: 'Disk full' }, 'message', 'Disk full'],
	[{ id: 'x', user: { name: 'Ada' } }, 'id', 'x'],
	[{ total: 12, user: {} }, 'total', '12'],
	[{ message: '', title: 'A\n  title' }, 'title', 'A title'],
	[{ message: { deep: 1 }, on: false }, 'on', 'false'],
	[{ list: [1, 2] }, 'list', '2 items'],
	[{ user: { a: 1 } }, 'user', '1 field'],
	[{}, null, '{}'],
	[[1], null, '1 item'],
	['text', null, 'text'],
	[3, null, '3'],
	[null, null, 'null']
])('of %j it tells %s: %s', (data, field, text) => {
	expect(tellingOf(JSON.stringify(data))).toEqual({ field, text });
});

it('is short, whatever the data is', () => {
	expect(tellingOf(JSON.stringify({ text: 'x'.repeat(5000) })).text).toHaveLength(201);
	expect(tellingOf('not json').text).toBe('not json');
});
