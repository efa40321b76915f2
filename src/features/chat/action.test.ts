import { expect, test } from 'vitest';
import { parseChatAction } from './action.ts';
import { readSpeed } from './start.server.ts';

test.each(['send_prompt', 'reset', 'undo_reset'])('knows the action %s', (action) => {
	expect(parseChatAction({ action })).toBe(action);
	expect(parseChatAction({ action, more: 1 })).toBe(action);
});

test.each([[null], [[]], [[{ action: 'reset' }]], ['reset'], [1], [true]])(
	'%j is not an object',
	(body) => {
		expect(() => parseChatAction(body)).toThrow(
			expect.objectContaining({ code: 'invalid_body', status: 400 })
		);
	}
);

test.each([
	[{}],
	[{ action: '' }],
	[{ action: 'RESET' }],
	[{ action: 'toString' }],
	[{ action: ['reset'] }],
	[{ action: null }]
])('%j names no action, and the answer names those there are', (body) => {
	expect(() => parseChatAction(body)).toThrow(
		expect.objectContaining({
			code: 'unknown_action',
			status: 400,
			message: '"action" must be one of send_prompt, reset, undo_reset.'
		})
	);
});

test('the speed of the story is 1 unless set, and nonsense is refused', () => {
	expect(readSpeed(undefined)).toBe(1);
	expect(readSpeed('')).toBe(1);
	expect(readSpeed('0.5')).toBe(0.5);
	for (const text of ['0', '-1', 'fast', '1e9', 'Infinity', 'NaN']) {
		expect(() => readSpeed(text)).toThrow('LOGLINE_STORY_SPEED must be');
	}
});
