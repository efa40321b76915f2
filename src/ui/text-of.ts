/**
 * What can be shown of a payload. Any SQL client may publish, so a field may be anything, and what is drawn must be text: an
 * object may have a `toString` that is no function, and a component that expects text may take a function for a component.
 */

/** Returns text, a number or a boolean as text, and anything else as ''. */
export function textOf(value: unknown): string {
	if (typeof value === 'string') return value;
	return typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

/** Returns fields of a payload as text. A field that is missing is ''; the payload may be anything. */
export function textsOf<Name extends string>(
	data: unknown,
	...names: Name[]
): Record<Name, string> {
	const fields = Object(data) as Partial<Record<Name, unknown>>;
	const texts = names.map((name) => [name, textOf(fields[name])]);
	return Object.fromEntries(texts) as Record<Name, string>;
}
