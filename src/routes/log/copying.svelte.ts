import { getContext, setContext } from 'svelte';
import { copyText } from '$src/ui/copy-text.ts';

/** How long it is said that something was copied, in milliseconds. */
const SAID_MS = 2000;

/** Copies texts, and says so in one place of the page. */
export class Copying {
	said = $state('');
	#timer: ReturnType<typeof setTimeout> | undefined;

	constructor() {
		$effect(() => () => clearTimeout(this.#timer));
	}

	/** @param what for the reader: `the path` */
	copy = async (text: string, what: string): Promise<void> => {
		this.said = (await copyText(text))
			? `Copied ${what}.`
			: 'The browser did not allow it: select the text, and copy it by hand.';
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => (this.said = ''), SAID_MS);
	};
}

const KEY = Symbol('explorer.copying');

/** Call it during the initialization of a component. */
export const setCopying = (): Copying => setContext(KEY, new Copying());

export const getCopying = (): Copying => getContext<Copying>(KEY);
