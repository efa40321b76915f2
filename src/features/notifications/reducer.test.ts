import { render } from 'svelte/server';
import { expect, test } from 'vitest';
import { oddPayloads } from '../../../tests/support/odd-payloads.ts';
import NotificationsPanel from './notifications-panel.svelte';
import {
	countText,
	emptyInbox,
	initialInbox,
	MAX_NOTIFICATIONS,
	reduceInbox,
	shownOf,
	unreadOf,
	type InboxEvent,
	type InboxState
} from './reducer.ts';
import { SAMPLES } from './samples.ts';
import { sampleNotification } from './start.server.ts';
import { topics } from './topics.ts';

const notification = (n: number): InboxEvent => ({
	id: String(n),
	topic: 'notifications',
	data: {
		id: `n${n}`,
		type: 'info',
		message: `number ${n}`,
		timestamp: new Date(n * 1000).toISOString()
	}
});
const cleared = (id: number, upTo: string): InboxEvent => ({
	id: String(id),
	topic: 'inbox',
	data: { clearedUpTo: upTo }
});
const history = Array.from({ length: MAX_NOTIFICATIONS + 30 }, (_, n) => notification(n + 1));
const reduce = (state: InboxState, event: InboxEvent) =>
	reduceInbox(state, event, MAX_NOTIFICATIONS);
const fold = (events: readonly InboxEvent[], from = initialInbox) => events.reduce(reduce, from);
const ids = (state: InboxState) => shownOf(state).map(({ eventID }) => Number(eventID));

test('the newest of the notifications comes first, and the oldest leave', () => {
	expect(ids(fold(history))).toEqual(Array.from({ length: 50 }, (_, i) => history.length - i));
});

test('an inbox begun on the server and continued in the browser is the same, wherever it is split', () => {
	const events = [...history, cleared(90, '70'), notification(91)];
	const whole = fold(events);
	for (let k = 0; k <= events.length; k++) {
		expect(fold(events.slice(k), fold(events.slice(0, k)))).toEqual(whole);
	}
});

test('unread is what comes after the read marker, and has not been cleared', () => {
	const state = fold([8, 9, 10, 11].map(notification));
	expect([unreadOf(state, '0'), unreadOf(state, '9'), unreadOf(state, '11')]).toEqual([4, 2, 0]);
	expect(unreadOf(reduce(state, cleared(12, '10')), '9')).toBe(1);
});

test('what is cleared is hidden until it is undone, and what comes later is shown', () => {
	const state = fold([1, 2, 3].map(notification));
	const empty = fold([cleared(4, '3')], state);
	expect(ids(empty)).toEqual([]);
	expect(ids(fold([notification(5)], empty))).toEqual([5]);
	expect(ids(fold([notification(5), cleared(6, '0')], empty))).toEqual([5, 3, 2, 1]);
	expect(unreadOf(fold([cleared(6, '0')], empty), '2'), 'what was read is read still').toBe(1);
});

test('what is cleared stays cleared when the notifications are sent again', () => {
	const state = fold([notification(1), notification(2), cleared(3, '1')]);
	expect(ids(fold([1, 2].map(notification), emptyInbox(state)))).toEqual([2]);
});

test('what any program may publish clears nothing', () => {
	const state = fold([notification(1)]);
	for (const clearedUpTo of [undefined, null, 7, 'x', '-1', '1'.repeat(20)]) {
		const event = { id: '2', topic: 'inbox', data: { clearedUpTo } } as unknown as InboxEvent;
		expect(ids(reduce(state, event))).toEqual([1]);
	}
});

test('a state that was handed out never changes', () => {
	const state = Object.freeze(fold(history.slice(0, 3)));
	const before = structuredClone(state);
	expect(reduce(state, notification(9))).not.toBe(state);
	expect(reduce(state, cleared(9, '2'))).not.toBe(state);
	expect(state).toEqual(before);
	expect(initialInbox).toEqual({ entries: [], clearedUpTo: '0' });
});

test('a count that may be larger says so', () => {
	expect([countText(0), countText(49), countText(50)]).toEqual(['0', '49', '50+']);
});

test('every sample is a payload that the topic accepts, and no two are the same', async () => {
	expect(SAMPLES.length).toBeGreaterThanOrEqual(20);
	const payloads = SAMPLES.map((_, slot) => sampleNotification(slot));
	for (const payload of payloads) {
		const result = await topics.notifications.schema['~standard'].validate(payload);
		expect(result).toMatchObject({ value: payload });
	}
	expect(new Set(payloads.map(({ message }) => message)).size).toBe(SAMPLES.length);
	expect(new Set(payloads.map(({ id }) => id)).size).toBe(SAMPLES.length);
});

const OLDER = { more: false, loading: false, full: false, problem: null, atNewest: true };

test.each(oddPayloads(notification(1).data))(
	'an odd row breaks no page, and what is drawn is text: %s',
	(_, data) => {
		const odd = { id: '2', topic: 'notifications', data } as InboxEvent;
		const state = fold([notification(1), odd, notification(3)]);
		expect(ids(state)).toEqual([3, 2, 1]);
		for (const value of shownOf(state).flatMap((entry) => Object.values(entry))) {
			expect(value).toBeTypeOf('string');
		}
		const nothing = async () => {};
		const inbox = {
			shown: shownOf(state),
			unread: 3,
			hasCleared: false,
			older: { ...OLDER, load: nothing, retry: nothing },
			isUnread: () => true,
			markAllRead: nothing,
			clear: nothing,
			showCleared: nothing
		};
		const more = { seenFrom: -1, marked: new Set(), active: true, trimmed: false };
		const { body } = render(NotificationsPanel, { props: { inbox, ...more, ontoggle: () => {} } });
		expect(body).toContain('number 1');
		expect(body).toContain('number 3');
		expect(body).not.toMatch(/native code|undefined|\[object/);
	}
);

test.each(oddPayloads({ clearedUpTo: '1' }))('an odd row clears nothing: %s', (_, data) => {
	const odd = { id: '2', topic: 'inbox', data } as InboxEvent;
	expect(ids(fold([notification(1), odd]))).toEqual([1]);
});
