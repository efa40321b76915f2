import { getContext, setContext } from 'svelte';

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
		try {
			await navigator.clipboard.writeText(text);
			this.said = `Copied ${what}.`;
		} catch {
			// No permission, or a page without https.
			this.said = 'The browser did not allow it: select the text, and copy it by hand.';
		}
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => (this.said = ''), SAID_MS);
	};
}

const KEY = Symbol('explorer.copying');

/** Call it during the initialization of a component. */
export const setCopying = (): Copying => setContext(KEY, new Copying());

export const getCopying = (): Copying => getContext<Copying>(KEY);
