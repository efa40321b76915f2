/** Longest path that is told, in characters. */
const MAX_PATH = 200;

/** A number that JSON does not have, and where it is. */
export interface LostNumber {
	/** `NaN`, `Infinity` or `-Infinity`. */
	number: string;
	/** From the root, which is `data`: `data.items[2].price`. */
	path: string;
}

/**
 * Finds the first number that `JSON.stringify` replaces by null without a word.
 *
 * @param value what `JSON.stringify` can write
 * @returns null: there is none
 */
export function findLostNumber(value: unknown): LostNumber | null {
	const paths = new WeakMap<object, string>();
	let found: LostNumber | null = null;
	// A replacer sees what is really written: after `toJSON`, and without what is left out.
	JSON.stringify(value, function (this: object, key: string, inner: unknown) {
		if (found) return undefined;
		const above = paths.get(this);
		const path = above === undefined ? 'data' : above + step(this, key);
		if (typeof inner === 'object' && inner !== null) paths.set(inner, path);
		if (typeof inner !== 'number' && !(inner instanceof Number)) return inner;
		if (!Number.isFinite(Number(inner))) found = { number: String(inner), path: short(path) };
		return inner;
	});
	return found;
}

function step(holder: object, key: string): string {
	if (Array.isArray(holder)) return `[${key}]`;
	return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key)
		? `.${key}`
		: `[${JSON.stringify(key)}]`;
}

const short = (path: string) => (path.length > MAX_PATH ? `${path.slice(0, MAX_PATH)}…` : path);
