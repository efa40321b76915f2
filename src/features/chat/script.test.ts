import { expect, test } from 'vitest';
import { STORY } from './script.ts';
import { topics } from './topics.ts';

const prompts = STORY.filter((node) => node.type === 'prompt');

test('the story is long enough to be one: a guide, a merchant, prompts', () => {
	expect(STORY.length).toBeGreaterThanOrEqual(25);
	expect(prompts.length).toBeGreaterThanOrEqual(5);
	const speakers = new Set(STORY.flatMap((node) => (node.type === 'npc' ? [node.name] : [])));
	expect(speakers).toContain('Odile, the keeper');
	expect(speakers).toContain('Bram, the merchant');
});

test('the story ends once, with its last node', () => {
	expect(STORY.map((node) => node.type).lastIndexOf('npc')).toBe(STORY.length - 2);
	expect(STORY.findIndex((node) => node.type === 'end')).toBe(STORY.length - 1);
});

test('somebody speaks first, and no prompt follows another', () => {
	expect(STORY[0]?.type).toBe('npc');
	STORY.forEach((node, i) => {
		if (node.type === 'prompt') expect(STORY[i + 1]?.type).not.toBe('prompt');
	});
});

test('lines are short, not empty, and leave time to read them', () => {
	for (const node of STORY) {
		expect(node.text.trim()).toBe(node.text);
		expect(node.text.length).toBeGreaterThan(0);
		expect(node.text.length).toBeLessThanOrEqual(120);
		if (node.type === 'npc') {
			expect(node.delay).toBeGreaterThanOrEqual(800);
			expect(node.delay).toBeLessThanOrEqual(2500);
		}
	}
});

test('no line is said twice, so that a doubled one shows', () => {
	const texts = STORY.map((node) => node.text);
	expect(new Set(texts).size).toBe(texts.length);
});

test.each([
	['message', { id: '1', sender: 'a', text: 'b' }, true],
	['message', { id: '1', sender: 'a', text: 'b', isMe: true }, true],
	['message', { id: '1', sender: 'a' }, false],
	['message', { id: 1, sender: 'a', text: 'b' }, false],
	['prompt', { id: '1', sender: 'System', text: 'b' }, true],
	['prompt', { id: '1', sender: 'somebody', text: 'b' }, false],
	['end', { id: '1', sender: 'a', text: 'b' }, true],
	['reset', { id: '1' }, true],
	['reset', {}, false]
] as const)('payload of %s: %j accepted is %s', async (topic, payload, accepted) => {
	const result = await topics[topic].schema['~standard'].validate(payload);
	expect(result.issues === undefined).toBe(accepted);
});
