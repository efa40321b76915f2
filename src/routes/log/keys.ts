/** Fields in which a letter is text. */
const FIELDS = new Set(['INPUT', 'TEXTAREA', 'SELECT']);

/** What of a key press matters. */
export interface Pressed {
	key: string;
	ctrlKey: boolean;
	metaKey: boolean;
	altKey: boolean;
	defaultPrevented: boolean;
	target: EventTarget | null;
}

/** Returns the key that was pressed, or null when it was not meant for the page: it is typed, or a dialog is open. */
export function keyOf(event: Pressed): string | null {
	const { key, ctrlKey, metaKey, altKey, defaultPrevented } = event;
	if (ctrlKey || metaKey || altKey || defaultPrevented) return null;
	const target = event.target as (Partial<HTMLElement> & Partial<Pick<Element, 'closest'>>) | null;
	if (target?.closest?.('dialog')) return null;
	if (target?.tagName !== undefined && FIELDS.has(target.tagName)) {
		// Escape leaves the field. The next one closes the event.
		if (key === 'Escape') target.blur?.();
		return null;
	}
	return key;
}
