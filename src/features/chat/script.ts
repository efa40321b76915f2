/** The story as data: a night at the harbour office of Lanternmouth, where nothing that is written down is ever lost. */

/** One step of the story. */
export type ScriptNode =
	/** A character speaks; the next node follows after `delay` milliseconds. */
	| { type: 'npc'; name: string; text: string; delay: number }
	/** The story waits until the player says `text`. */
	| { type: 'prompt'; text: string }
	/** The last line. */
	| { type: 'end'; name?: string; text: string };

export type Script = readonly ScriptNode[];

const npc = (name: string, text: string, delay: number): ScriptNode => ({
	type: 'npc',
	name,
	text,
	delay
});
const prompt = (text: string): ScriptNode => ({ type: 'prompt', text });

const odile = (text: string, delay: number) => npc('Odile, the keeper', text, delay);
const bram = (text: string, delay: number) => npc('Bram, the merchant', text, delay);
const gull = (text: string, delay: number) => npc('A gull', text, delay);

export const STORY: Script = [
	odile(
		'You came up all ninety steps in this fog? Then sit. The kettle is older than it looks.',
		2200
	),
	odile('This is the harbour office of Lanternmouth. I mind the lamp, and I mind the book.', 2000),
	odile('The lamp is for ships. The book is for everything else.', 1800),
	prompt('What is in the book?'),
	odile('Everything that happens here, in the order it happened. One line each, numbered.', 2000),
	odile(
		'Look: 40,117, a cutter ties up. 40,118, somebody sings. 40,119, you ask about the book.',
		2400
	),
	odile(
		'Ships sail off in the middle of a sentence. They come back and ask: what came after 40,118?',
		2300
	),
	odile('And I read it to them. From there, not from the start. Nobody hears a line twice.', 2000),
	gull('Kraa.', 800),
	odile('40,120: the gull agrees.', 1500),
	prompt('And if the lamp goes out?'),
	odile('Then it is dark, and the book is still here. Ink does not mind the dark.', 1900),
	odile(
		'I have slept through storms that took the roof. In the morning I opened it and went on.',
		2200
	),
	odile(
		'Now, a favour. A merchant has stood on the quay since noon, sure that he has been robbed.',
		2000
	),
	prompt('I will go down and talk to him.'),
	bram('Robbed! Seven crates of pears left Saltwick. I have counted six. Six, all day long!', 2200),
	bram('I counted them forwards. I counted them backwards. I counted them at a run.', 1900),
	gull('Kraa?', 800),
	bram('Do not look at me like that. You are the only witness, and you smell of pear.', 2000),
	prompt('Which crate is missing?'),
	bram(
		'Number four. One, two, three, then five. There is a hole in my cargo the shape of a four.',
		2300
	),
	bram(
		'Five was quick off the boat, you see. Small crate. Four is large and takes its time.',
		2100
	),
	bram('Oh.', 1000),
	bram('You think that four is not lost. You think that four is merely late.', 1900),
	prompt('Never pass a gap. Wait for four, then count on.'),
	bram('Hm! There it comes, by the slow crane. One, two, three, four, five, six, seven.', 2200),
	bram('All my pears. In order, even. And I have shouted at a bird.', 1800),
	bram(
		'Here, a pear for you. One pear. If you ask me again I shall say that you have had it.',
		2200
	),
	gull('Kraa!', 900),
	prompt('Odile, four was only late.'),
	odile('They usually are. 40,152: the merchant apologises to a gull. That is a first.', 2100),
	odile(
		'You kept your place in the queue, you left no gap and you took one pear. You would do.',
		2200
	),
	odile(
		'I am not young, and the book will want a hand that does not skip. Will you write a line?',
		2100
	),
	prompt('Tonight I was here.'),
	odile(
		'40,153. Good, plain hand. Now close the lid, go home, sleep. Change your ship, if you like.',
		2300
	),
	odile('Whenever you come back, from whatever shore, tell me the last number you remember.', 2100),
	{
		type: 'end',
		name: 'Odile, the keeper',
		text: 'I will read you the rest. The lamp is lit, and the book stays open.'
	}
];
