/** The field of an event's data that tells most about it, for one line of a list. */

/** Names that usually say what an event is about, best first. */
const BEST = [
	'message',
	'text',
	'title',
	'name',
	'error',
	'reason',
	'type',
	'status',
	'kind',
	'id'
];

/** Longest text that is returned. */
const MOST = 200;

export interface Telling {
	/** Name of the field; null: the data itself. */
	field: string | null;
	text: string;
}

/** Returns the telling field of data that is JSON text. Text that is not JSON is returned as it is. */
export function tellingOf(json: string): Telling {
	let data: unknown;
	try {
		data = JSON.parse(json);
	} catch {
		// Nested more deeply than the browser can read.
		return { field: null, text: cut(json) };
	}
	if (typeof data !== 'object' || data === null) return { field: null, text: inOneLine(data) };
	if (Array.isArray(data)) return { field: null, text: counted(data.length, 'item') };
	const fields = Object.entries(data as Record<string, unknown>);
	const told =
		BEST.map((name) => fields.find(([field]) => field === name)).find(
			(found) => found && isTold(found[1])
		) ??
		fields.find(([, value]) => isTold(value)) ??
		fields[0];
	if (!told) return { field: null, text: '{}' };
	const [field, value] = told;
	return { field, text: inOneLine(value) };
}

const isTold = (value: unknown): boolean =>
	(typeof value === 'string' && value !== '') ||
	typeof value === 'number' ||
	typeof value === 'boolean';

function inOneLine(value: unknown): string {
	if (typeof value === 'string') return cut(value.replace(/\s+/g, ' '));
	if (Array.isArray(value)) return counted(value.length, 'item');
	if (typeof value === 'object' && value !== null)
		return counted(Object.keys(value).length, 'field');
	return String(value);
}

const counted = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`;

const cut = (text: string) => (text.length > MOST ? `${text.slice(0, MOST)}…` : text);
