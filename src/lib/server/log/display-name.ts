import { LoglineError } from '../../protocol/index.ts';
import { isText } from './accept.ts';

/** Longest name that others are shown, in UTF-8 octets. Longer ones are shortened. */
const MAX_NAME_OCTETS = 200;

/**
 * Returns the name under which others see a user: its beginning when it is very long, because many applications let their
 * users choose any, and the id when there is none. A name comes from the application, often from a column that may be null,
 * so its type is not believed.
 *
 * @param viewer.id must have been checked
 * @throws LoglineError `invalid_user` when the name is not a text that Postgres can store
 */
export function displayName({ id, name }: { id: string; name?: unknown }): string {
	if (name === null || name === undefined) return id;
	if (typeof name === 'string' && isText(name)) return beginning(name);
	throw new LoglineError(
		'invalid_user',
		'The name of a viewer is a text without NUL and without half of a surrogate pair. Leave it out when the user has none: the id is shown then.'
	);
}

/** Cuts between code points, because half of one is not a text. */
function beginning(name: string): string {
	if (name.length * 3 <= MAX_NAME_OCTETS) return name;
	let octets = 0;
	let end = 0;
	for (const point of name) {
		octets += Buffer.byteLength(point);
		if (octets > MAX_NAME_OCTETS) return name.slice(0, end);
		end += point.length;
	}
	return name;
}
