import { expect, test } from 'vitest';
import { Drafts } from './drafts.ts';

test('what was typed into a room is there again when the room is shown again, and only for who typed it', () => {
	const ann = new Drafts('ann');
	ann.type('rooms/1', 'Half a sent');
	expect(new Drafts('ann').text('rooms/1')).toBe('Half a sent');
	expect(ann.text('rooms/2')).toBe('');
	expect(new Drafts('bob').text('rooms/1')).toBe('');
	ann.send('rooms/1');
	expect(ann.text('rooms/1')).toBe('');
});

test('what could not be sent comes back before what was typed since, with the reason, until it is sent or deleted', () => {
	const drafts = new Drafts('cid');
	drafts.type('rooms/1', 'First');
	drafts.send('rooms/1');
	drafts.type('rooms/1', 'Second');
	drafts.takeBack('rooms/1', 'First', 'No network.');
	expect(drafts.text('rooms/1')).toBe('First\nSecond');
	drafts.type('rooms/1', 'First\nSecond!');
	expect(drafts.problem('rooms/1')).toBe('No network.');
	drafts.type('rooms/1', '');
	expect(drafts.problem('rooms/1')).toBe(null);
	drafts.takeBack('rooms/1', 'First', 'No network.');
	drafts.send('rooms/1');
	expect([drafts.text('rooms/1'), drafts.problem('rooms/1')]).toEqual(['', null]);
});
