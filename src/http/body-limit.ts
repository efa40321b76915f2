const UNITS = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** Valid values of `BODY_SIZE_LIMIT`. */
export const BODY_SIZE = /^(?:([0-9]+)([kmg]?)|infinity)$/i;

/**
 * Returns the largest request body that the server accepts, in bytes. adapter-node reads the same variable and enforces it.
 * Here it is used for messages.
 *
 * @see https://svelte.dev/docs/kit/adapter-node#Environment-variables-BODY_SIZE_LIMIT
 */
export function bodyLimit(setting = process.env.BODY_SIZE_LIMIT): number {
	const [, digits, unit = ''] = BODY_SIZE.exec(setting || '512K') ?? [];
	return digits === undefined
		? Infinity
		: Number(digits) * UNITS[unit.toLowerCase() as keyof typeof UNITS];
}
