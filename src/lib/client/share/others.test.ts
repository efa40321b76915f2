import { afterEach, expect, it, vi } from 'vitest';
import { Others } from './others.ts';

afterEach(() => {
	vi.useRealTimers();
});

it('a tab that never leads remembers only the tabs of the last three minutes, however many have crashed', () => {
	vi.useFakeTimers();
	const others = new Others();
	for (let i = 0; i < 1000; i++) {
		others.need(`tab ${i}`, 'u', { names: ['a'], presence: [], state: '' });
		vi.advanceTimersByTime(1000);
	}
	expect(others.size).toBeLessThanOrEqual(181);
	vi.advanceTimersByTime(180_000);
	expect(others.needsOf('u')).toEqual([]);
});

it('a tab of another user is not carried: its user would be present where only the other one is', () => {
	const others = new Others();
	const needs = (scope: string) => ({ names: ['a'], presence: [scope], state: '' });
	others.need('of ada', 'ada', needs('rooms/1'));
	others.need('of bob', 'bob', needs('rooms/2'));
	others.need('new', null, needs('rooms/3'));
	const scopes = others.needsOf('bob').flatMap(({ presence }) => presence);
	expect(scopes).toEqual(['rooms/2', 'rooms/3']);
});
