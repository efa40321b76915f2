import { describe, expect, it } from 'vitest';
import { Random } from '../../../tests/faults/random.ts';
import { addressOf, chipsOf, EMPTY, readView, searchOf, whereOf, type View } from './view.ts';

const read = (search: string) => readView(new URLSearchParams(search));

describe('the address of the explorer', () => {
	it('says all of what the page shows: whatever one looks for is the same after a reload', () => {
		const random = new Random(3);
		const texts = ['', 'a b', '50%', "it's", 'ü=&?#+', '"x"', '*', 'a,b'];
		for (let i = 0; i < 500; i++) {
			const maybe = <T>(value: T, none: T) => (random.chance(0.5) ? value : none);
			const view: View = {
				topics: maybe([random.pick(['logs', 'rooms/*', 'a.b-c_d/1']), '*x'], []),
				text: random.pick(texts).trim(),
				where: maybe([`a.b=${random.pick(texts)}`, 'x[0]=1 + 1=2'], []),
				audience: random.pick(['all', 'mine', 'everyone']),
				after: maybe(String(random.between(0, 1e9)), ''),
				to: maybe('9223372036854775807', ''),
				since: maybe('2026-01-31T12:00:00.123Z', ''),
				until: maybe('2026-01-31T12:00:00+02:00', ''),
				before: maybe('42', '')
			};
			expect(read(searchOf(view))).toEqual(view);
		}
		expect(searchOf(EMPTY)).toBe('');
		expect(addressOf({ ...EMPTY, topics: ['logs'] }, '42')).toBe('/log/42?topic=logs');
	});

	it('takes what a form sends: empty fields, several topics in one, times without seconds or zone', () => {
		expect(
			read(
				'topic=logs&topic=rooms/*, a&topic=&where=&audience=all&since=2026-01-31T12:00&until=2026-01-31'
			)
		).toEqual({
			...EMPTY,
			topics: ['logs', 'rooms/*', 'a'],
			since: '2026-01-31T12:00:00Z',
			until: '2026-01-31T00:00:00Z'
		});
		expect(read('since=2026-01-31T12:00:00+01:00').since).toBe('2026-01-31T12:00:00+01:00');
		expect(read('since=yesterday&audience=nobody&topic=a&topic=a')).toEqual({
			...EMPTY,
			topics: ['a'],
			since: 'yesterday'
		});
	});

	it('has a chip for each condition, and each leads to the same page without it', () => {
		const view = read('topic=a&topic=b&text=x&where=n%3D3&audience=mine&after=1&to=9&before=5');
		const chips = chipsOf(view);
		expect(chips.map(({ label, text }) => `${label} ${text}`)).toEqual([
			...['topic a', 'topic b', 'text x', 'data n = 3', 'for you alone', 'id after 1', 'id up to 9']
		]);
		for (const { without } of chips) expect(chipsOf(without)).toHaveLength(chips.length - 1);
		expect(chips.every(({ without }) => without.before === '')).toBe(true);
	});

	it('asks for a value of the data only when it is one, and short', () => {
		expect(whereOf('user.name', '"Ada"')).toBe('user.name=Ada');
		expect(whereOf('n', '3.50')).toBe('n=3.50');
		expect(whereOf('n', '{}')).toBeNull();
		expect(whereOf('"a=b"', '1')).toBeNull();
		expect(whereOf('n', `"${'x'.repeat(201)}"`)).toBeNull();
	});
});
