import { expect, test } from 'vitest';
import { oddPayloads } from '../../../tests/support/odd-payloads.ts';
import { initialChat, reduceChat, type ChatEvent } from './reducer.ts';

const message = (id: string, text: string, isMe?: boolean): ChatEvent => ({
	topic: 'message',
	data: { id, sender: isMe ? 'ada' : 'Odile', text, ...(isMe ? { isMe } : {}) }
});
const prompt = (id: string, text: string): ChatEvent => ({
	topic: 'prompt',
	data: { id, sender: 'System', text }
});
const end: ChatEvent = { topic: 'end', data: { id: 'end', sender: 'Odile', text: 'Good night.' } };
const reset: ChatEvent = { topic: 'reset', data: { id: 'reset' } };

const fold = (events: ChatEvent[]) => events.reduce(reduceChat, initialChat);

/** A run with a reset in the middle. It has every kind of event in every relevant position. */
const history: ChatEvent[] = [
	message('1', 'Hello.'),
	prompt('2', 'Hello, Odile.'),
	reset,
	message('3', 'Hello.'),
	prompt('4', 'Hello, Odile.'),
	message('5', 'Hello, Odile.', true),
	message('6', 'You again.'),
	prompt('7', 'Me again.'),
	message('8', 'Me again.', true),
	end
];

test('the chat shows what was said, oldest first', () => {
	const { messages } = fold([message('1', 'a'), message('2', 'b', true), message('3', 'c')]);
	expect(messages.map(({ id, text, isMe }) => [id, text, isMe])).toEqual([
		['1', 'a', undefined],
		['2', 'b', true],
		['3', 'c', undefined]
	]);
});

test('a prompt stays open while others speak, and closes with the player’s own line', () => {
	const open = fold([prompt('1', 'Yes!'), message('2', 'Well?')]);
	expect(open.expectedPrompt).toBe('Yes!');
	expect(reduceChat(open, message('3', 'Yes!', true)).expectedPrompt).toBeNull();
});

test('a prompt is not a line of the chat', () => {
	expect(fold([prompt('1', 'Yes!')]).messages).toEqual([]);
});

test('the end is a line of the chat, and leaves no prompt open', () => {
	const state = fold([prompt('1', 'Yes!'), end]);
	expect(state.messages).toEqual([end.data]);
	expect(state.ended).toBe(true);
	expect(state.expectedPrompt).toBeNull();
});

test('a reset leaves a chat in which nothing has been said', () => {
	expect(fold([...history, reset])).toMatchObject(initialChat);
});

const undo: ChatEvent = { topic: 'reset', data: { id: '3.undo', undo: true } };

test('a reset that was taken back leaves the chat as it was, and it goes on', () => {
	const before = fold([message('1', 'Hello'), prompt('2', 'Yes!')]);
	const other = reduceChat(reduceChat(before, reset), message('3', 'Once more'));
	expect(reduceChat(other, undo)).toEqual(before);
	expect(reduceChat(reduceChat(other, undo), message('4', 'Yes!', true))).toMatchObject({
		messages: [{ text: 'Hello' }, { text: 'Yes!' }],
		expectedPrompt: null
	});
});

test('only the last reset can be taken back, and only once', () => {
	const first = [message('1', 'one'), reset, message('2', 'two'), reset];
	expect(fold([...first, undo]).messages).toMatchObject([{ text: 'two' }]);
	expect(fold([...first, undo, undo]).messages).toMatchObject([{ text: 'two' }]);
	expect(fold([undo])).toEqual(initialChat);
});

test('a chat begun on the server and continued in the browser is the same, wherever it is split', () => {
	const whole = fold(history);
	for (let k = 0; k <= history.length; k++) {
		// The server sends its state to the browser as JSON.
		const rendered = JSON.parse(JSON.stringify(history.slice(0, k))) as ChatEvent[];
		expect(history.slice(k).reduce(reduceChat, fold(rendered))).toEqual(whole);
	}
});

test('a state that was handed out never changes', () => {
	const frozen = Object.freeze(fold(history));
	const before = structuredClone(frozen);
	for (const event of history) reduceChat(frozen, event);
	expect(frozen).toEqual(before);
	expect(initialChat).toEqual({ messages: [], expectedPrompt: null, ended: false });
});

test('a history of thousands of lines is folded in a moment', () => {
	const long = Array.from({ length: 5000 }, (_, i) => message(String(i), 'x'));
	const started = performance.now();
	expect(fold(long).messages).toHaveLength(5000);
	expect(performance.now() - started).toBeLessThan(1000);
});

test.each(['message', 'prompt', 'end', 'reset'].flatMap(withOddPayloads))(
	'an odd row breaks nothing, and what is drawn is text: %s, where %s',
	(topic, _, data) => {
		const state = fold([...history, { topic, data } as ChatEvent, message('9', 'after', true)]);
		for (const { id, sender, text } of state.messages) {
			expect([typeof id, typeof sender, typeof text]).toEqual(['string', 'string', 'string']);
		}
		expect(state.messages.at(-1)).toMatchObject({ text: 'after' });
		const asked = fold([{ topic, data } as ChatEvent]).expectedPrompt;
		expect(asked === null || typeof asked === 'string').toBe(true);
	}
);

function withOddPayloads(topic: string): [string, string, object][] {
	const line = { id: '1', sender: 'Odile', text: 'Hello.', isMe: false };
	const good = topic === 'reset' ? { id: '1', undo: true, left: { step: 1, waits: true } } : line;
	return oddPayloads(good).map(([name, data]) => [topic, name, data]);
}
