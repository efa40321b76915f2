import { LoglineError } from '../../../protocol/index.ts';
import { isText } from '../accept.ts';

/** Steps of a path. */
const MOST = 32;

/**
 * One step: `.name`, `."any name"`, `[0]`, `[*]`, `.**`. The sticky flag leaves no text between two of them.
 */
const STEP =
	/\.(?<name>[\p{L}\p{N}_-]+)|\.(?<quoted>"(?:[^"\\]|\\.)*")|\[(?<index>0|[1-9]\d{0,6}|\*)\]|(?<deep>\.\*\*)/uy;

/**
 * Any depth. Behind it each `[0]` or `[*]` would find a value again by another way, and Postgres keeps 200 octets for each way
 * until the event is done: 2 GB for an event of 1 MiB. So a name must stand between, and there is one of it.
 */
const DEEP = '.**';

/**
 * Returns a path into the data as a jsonpath. It is written anew from the steps, so that nothing of the language gets through
 * from outside: jsonpath has methods that take gigabytes.
 *
 * @param path `user.name`, `items[0].id`; or the same after a `$`
 * @throws LoglineError `invalid_filter`
 */
export function toJsonPath(path: string): string {
	const text = path.startsWith('$') ? path.slice(1) : `.${path}`;
	const steps: string[] = [];
	STEP.lastIndex = 0;
	for (let end = 0; end < text.length; end = STEP.lastIndex) {
		const groups = STEP.exec(text)?.groups;
		if (!groups) throw refused(path, ALLOWED);
		const { name, quoted = '', index } = groups;
		if (index !== undefined) steps.push(`[${index}]`);
		else if (groups.deep !== undefined) steps.push(DEEP);
		else steps.push(`.${JSON.stringify(name ?? unquoted(quoted, path))}`);
	}
	if (steps.length > MOST) throw refused(path, `It has at most ${MOST} steps.`);
	const deep = steps.indexOf(DEEP);
	if (deep >= 0 && (deep !== steps.lastIndexOf(DEEP) || steps[deep + 1]?.startsWith('['))) {
		throw refused(path, 'It has .** once at most, at its end or before a name.');
	}
	return `$${steps.join('')}`;
}

function unquoted(quoted: string, path: string): string {
	let name: unknown;
	try {
		name = JSON.parse(quoted);
	} catch (cause) {
		throw refused(path, ALLOWED, cause);
	}
	if (typeof name === 'string' && isText(name)) return name;
	throw refused(path, 'A name in it has a NUL or half of a surrogate pair.');
}

const ALLOWED =
	'Write it as user.name or items[0].id, with or without "$." before it. Steps are .name, ."any name", [0], [*], and once .** for any depth, at the end or before a name; nothing else of jsonpath is allowed.';

const refused = (path: string, why: string, cause?: unknown) =>
	Object.assign(
		new LoglineError('invalid_filter', `"${path.slice(0, 60)}" is no path into the data. ${why}`),
		cause === undefined ? {} : { cause }
	);
