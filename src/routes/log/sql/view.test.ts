import { expect, it } from 'vitest';
import { addressOf, readView } from './view.ts';

it('the address has the question and how the answer is shown, unless the question is too long for one', () => {
	const view = { sql: 'SELECT 1 + 2 AS "ü" -- 50% & \'#?\'\nFROM events', as: 'bars' } as const;
	expect(readView(new URL(addressOf(view)!, 'http://x').searchParams)).toEqual(view);
	expect(addressOf({ sql: '', as: 'table' })).toBe('/log/sql');
	expect(addressOf({ sql: 'x'.repeat(7000), as: 'table' })).toBeNull();
	expect(readView(new URLSearchParams('as=pie'))).toEqual({ sql: '', as: 'table' });
});
