/** What the page shows, as its address says. Every link and form of the page is made from this. */

/** The search parameters of `/log`. All of them are text, as they were typed; the server checks them. */
export interface View {
	/** Topics, with `*` for any characters. */
	topics: readonly string[];
	/** Text in the data. */
	text: string;
	/** Values in the data: `user.name=Ada`. */
	where: readonly string[];
	audience: Audience;
	/** Only events after this id, and up to that one. */
	after: string;
	to: string;
	/** ISO 8601. */
	since: string;
	until: string;
	/** Older pages: only events before this id. */
	before: string;
}

/** Whose events. */
export type Audience = 'all' | 'mine' | 'everyone';

export const EMPTY: View = {
	topics: [],
	text: '',
	where: [],
	audience: 'all',
	after: '',
	to: '',
	since: '',
	until: '',
	before: ''
};

/** Reads one or all values of a parameter. SvelteKit notes which ones were read. */
type Params = Pick<URLSearchParams, 'get' | 'getAll'>;

/** Returns the view that an address asks for. */
export function readView(params: Params): View {
	const one = (name: string) => params.get(name)?.trim() ?? '';
	// A form sends its empty fields, too. Several topics may be typed into one field.
	const many = (name: string, at: RegExp | null) => [
		...new Set(
			params
				.getAll(name)
				.flatMap((text) => (at ? text.split(at) : [text]))
				.map((text) => text.trim())
				.filter((text) => text !== '' && text !== '=')
		)
	];
	const audience = one('audience');
	return {
		topics: many('topic', /[\s,]+/),
		text: one('text'),
		where: many('where', null),
		audience: audience === 'mine' || audience === 'everyone' ? audience : 'all',
		after: one('after'),
		to: one('to'),
		since: readTime(one('since')),
		until: readTime(one('until')),
		before: one('before')
	};
}

/** A field for times may leave out the seconds and the zone, which is UTC. */
function readTime(text: string): string {
	const typed =
		/^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?(Z|[+-]\d\d:\d\d)?$/i.exec(
			// An address turns + into a space.
			text.replace(/ (\d\d:\d\d)$/, (all, zone: string) => (text.includes('T') ? `+${zone}` : all))
		);
	if (!typed) return text;
	const [, day, time = '00:00:00', zone = 'Z'] = typed;
	return `${day}T${time.length === 5 ? `${time}:00` : time}${zone.toUpperCase()}`;
}

/** Returns the search parameters of a view, as text for an address: empty, or with its question mark. */
export function searchOf(view: View): string {
	const params = new URLSearchParams();
	for (const topic of view.topics) params.append('topic', topic);
	if (view.text) params.set('text', view.text);
	for (const value of view.where) params.append('where', value);
	if (view.audience !== 'all') params.set('audience', view.audience);
	for (const name of ['after', 'to', 'since', 'until', 'before'] as const) {
		if (view[name]) params.set(name, view[name]);
	}
	const text = params.toString();
	return text === '' ? '' : `?${text}`;
}

/** Returns the address of a view, and of the event that is open beside it. */
export const addressOf = (view: View, id?: string | null): string =>
	`/log${id ? `/${id}` : ''}${searchOf(view)}`;

/** Something that the view asks for, and the view without it. */
export interface Chip {
	label: string;
	text: string;
	without: View;
}

/** Returns what narrows a view, piece by piece. */
export function chipsOf(view: View): Chip[] {
	const base = { ...view, before: '' };
	const chips: Chip[] = view.topics.map((topic) => ({
		label: 'topic',
		text: topic,
		without: { ...base, topics: view.topics.filter((other) => other !== topic) }
	}));
	const single = (name: keyof View, label: string, text: string) => {
		if (view[name] !== EMPTY[name])
			chips.push({ label, text, without: { ...base, [name]: EMPTY[name] } });
	};
	single('text', 'text', view.text);
	for (const value of view.where) {
		const where = view.where.filter((other) => other !== value);
		chips.push({ label: 'data', text: value.replace('=', ' = '), without: { ...base, where } });
	}
	single('audience', 'for', view.audience === 'mine' ? 'you alone' : 'everyone');
	single('after', 'id after', view.after);
	single('to', 'id up to', view.to);
	single('since', 'since', view.since);
	single('until', 'until', view.until);
	return chips;
}

/** Returns a value of the data as a parameter `where`, or null: it is an object, a list, or too long to ask for. */
export function whereOf(path: string, json: string): string | null {
	if (/^[[{]/.test(json) || path.includes('=')) return null;
	const value = json.startsWith('"') ? (JSON.parse(json) as string) : json;
	return value.length > 200 || value === '' || value.trim() !== value ? null : `${path}=${value}`;
}
