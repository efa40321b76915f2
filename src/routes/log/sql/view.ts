/** The question, and how its answer is shown, as the address says them. */

export const KINDS = ['table', 'bars', 'lines'] as const;
export type Kind = (typeof KINDS)[number];

export interface View {
	sql: string;
	as: Kind;
}

/** Longer questions are not put into the address: servers and proxies refuse addresses of more than about 8 kB. */
const MOST_OCTETS = 6000;

/** Reads the search parameters of `/log/sql`. */
export function readView(params: Pick<URLSearchParams, 'get'>): View {
	const as = params.get('as');
	return { sql: params.get('q') ?? '', as: KINDS.find((kind) => kind === as) ?? 'table' };
}

/** Returns the address of a view; null: the question is too long for one. */
export function addressOf({ sql, as }: View): string | null {
	const params = new URLSearchParams();
	if (sql !== '') params.set('q', sql);
	if (as !== 'table') params.set('as', as);
	const text = params.toString();
	if (text.length > MOST_OCTETS) return null;
	return `/log/sql${text === '' ? '' : `?${text}`}`;
}
