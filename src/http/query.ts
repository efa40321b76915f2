import { LoglineError, parseCursor } from 'logline';

/**
 * Reads the parameter `limit`.
 *
 * @throws LoglineError `invalid_limit`
 */
export function limitOf(
	params: URLSearchParams,
	{ absent, most }: Record<'absent' | 'most', number>
): number {
	const text = params.get('limit') ?? String(absent);
	if (/^[0-9]{1,9}$/.test(text) && Number(text) >= 1 && Number(text) <= most) return Number(text);
	throw new LoglineError('invalid_limit', `\`limit\` is a number from 1 to ${most}.`);
}

/**
 * Reads a parameter that is the id of an event.
 *
 * @returns null when it is absent
 * @throws LoglineError `invalid_cursor`
 */
export function idOf(params: URLSearchParams, name: string): bigint | null {
	const text = params.get(name);
	if (text === null) return null;
	const id = parseCursor(text);
	if (id === null) throw new LoglineError('invalid_cursor', `\`${name}\` is the id of an event.`);
	return id;
}
