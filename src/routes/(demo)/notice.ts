/** What the page tells in passing. */
export interface Notice {
	/** news: a notification has arrived · done: what the reader has asked for · problem: it did not work. */
	tone: 'news' | 'done' | 'problem';
	/** Text for the reader. */
	text: string;
	/** Takes back what was done. */
	undo?: () => Promise<void>;
}
