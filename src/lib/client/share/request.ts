/** What the address of a stream asks for. */
export interface SharedRequest {
	url: string;
	/** Topics and wildcards. */
	names: readonly string[];
	/** null: it begins at the beginning. */
	cursor: string | null;
	log: string | null;
	user: string | null;
	/** It makes the user present somewhere. */
	isPresent: boolean;
}

export function readRequest(url: string, base: string): SharedRequest {
	const { searchParams } = new URL(url, base);
	return {
		url,
		names: searchParams.getAll('topics').map((topic) => topic.replace(/@.*/, '')),
		cursor: searchParams.get('lastEventID'),
		log: searchParams.get('log'),
		user: searchParams.get('user'),
		isPresent: searchParams.has('presence')
	};
}

/**
 * Adds names to a request, from its cursor on: nothing that is older is wanted. The count is 0 because the client itself never
 * uses it again: it counts up when it subscribes anew.
 */
export function withNames({ url, names, cursor }: SharedRequest, all: readonly string[]): string {
	const more = all.filter((name) => !names.includes(name));
	const query = more.map((name) => {
		const last = name.includes('*') || cursor === '0' ? '' : `:${cursor}`;
		return `&topics=${encodeURIComponent(`${name}@0${last}`)}`;
	});
	return url + query.join('');
}
