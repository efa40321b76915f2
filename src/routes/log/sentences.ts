import type { Gate } from 'logline/server';

/** One reason, told to the viewer. */
export interface Sentence {
	/** null: the database cannot know. */
	passes: boolean | null;
	text: string;
}

/**
 * Tells the viewer why an event is here, from what `logline_explain` says of its gates. Each sentence is told once, however many
 * streams of the viewer it is true of.
 */
export function sentencesOf(topic: string, gates: readonly Gate[]): Sentence[] {
	const sentences = new Map<string, Sentence>();
	for (const { gate, passes, why } of gates) {
		const text = tell(topic, gate, passes, why);
		sentences.set(text, { passes, text });
	}
	return [...sentences.values()];
}

function tell(topic: string, gate: string, passes: boolean | null, why: string): string {
	switch (gate) {
		case 'retained':
			return passes ? 'The event is kept: nothing has trimmed it.' : why;
		case 'declared':
			return passes
				? `Its topic is declared${quoted(why) === topic ? '' : ` by the pattern ${quoted(why)}`}.`
				: why;
		case 'audience':
			if (why.startsWith('It is for everyone')) return 'It is for everyone who may see the topic.';
			return passes ? 'It is for you alone.' : 'It is for another user alone.';
		case 'access':
			return why.startsWith('Needs a grant')
				? why.replace('Needs a grant for', 'You need a grant for').replace('Granted:', 'You had:')
				: why;
		case 'history':
			return why.replace(
				/^Only events after the grant are seen; it lasts since event (.*)\.$/,
				'Of this topic you see only what came after your grant, which lasts since event $1.'
			);
		case 'access then':
			return passes
				? 'You could see the topic when the event was written.'
				: 'You could not see the topic yet when the event was written; its history is open to you now.';
		case 'stream':
			if (why.startsWith('No open stream')) {
				return 'No open stream of yours carries the topic. You get the event when one comes back.';
			}
			return passes
				? 'A stream of yours that is open has got it.'
				: 'A stream of yours that is open has not got as far yet.';
		default:
			return why;
	}
}

const quoted = (text: string): string => /"(.*)"/.exec(text)?.[1] ?? '';
