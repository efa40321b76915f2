import { expect, it } from 'vitest';
import { sentencesOf } from './sentences.ts';

it('tells why an event is here, and no name of a server, a client or another user', () => {
	const told = sentencesOf('vaults/7/messages', [
		{ gate: 'retained', passes: true, why: 'It is in the log, of topic "vaults/7/messages".' },
		{ gate: 'declared', passes: true, why: 'Declared as "vaults/[room]/messages".' },
		{ gate: 'audience', passes: true, why: 'It is for user "u-secret" alone.' },
		{
			gate: 'access',
			passes: true,
			why: 'Needs a grant for vaults/7. Granted: vaults/7 from event 3 on.'
		},
		{
			gate: 'history',
			passes: true,
			why: 'Only events after the grant are seen; it lasts since event 3.'
		},
		{
			gate: 'access then',
			passes: true,
			why: 'Whether the user could see the topic when the event was appended.'
		},
		{
			gate: 'stream',
			passes: true,
			why: 'Client "c-secret" on host-secret 12 is at event 9 (live, 2 s ago).'
		}
	]);
	expect(told.map(({ text }) => text)).toEqual([
		'The event is kept: nothing has trimmed it.',
		'Its topic is declared by the pattern vaults/[room]/messages.',
		'It is for you alone.',
		'You need a grant for vaults/7. You had: vaults/7 from event 3 on.',
		'Of this topic you see only what came after your grant, which lasts since event 3.',
		'You could see the topic when the event was written.',
		'A stream of yours that is open has got it.'
	]);
	expect(JSON.stringify(told)).not.toContain('secret');
});

it('tells once what is true of several streams of the viewer', () => {
	const stream = (passes: boolean) => ({ gate: 'stream', passes, why: 'An open stream.' });
	const told = sentencesOf('logs', [stream(true), stream(false), stream(true), stream(true)]);
	expect(told.map(({ text }) => text)).toEqual([
		'A stream of yours that is open has got it.',
		'A stream of yours that is open has not got as far yet.'
	]);
});
