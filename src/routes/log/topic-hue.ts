/** How many colours topic-hues.css has. */
const HUES = 10;

/**
 * Returns the class with the colour of a topic. It depends on the name alone, so it is the same on every page and in every
 * year.
 */
export function hueOf(topic: string): string {
	if (topic === '') return 'hue-none';
	// FNV-1a, with a beginning that gives the topics of the demo different colours.
	let hash = 12;
	for (let i = 0; i < topic.length; i++) {
		hash = Math.imul(hash ^ topic.charCodeAt(i), 0x01000193);
	}
	return `hue-${((hash ^ (hash >>> 15)) >>> 0) % HUES}`;
}
