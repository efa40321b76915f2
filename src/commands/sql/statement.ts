/**
 * Quoted text and line comments, which end with their own delimiter. E'…' with backslashes is rare at a prompt and not
 * supported.
 */
const QUOTED = /'[^']*'|"[^"]*"|--[^\n]*|(\$(?:[a-z_]\w*)?\$)[^]*?\1/iy;

/** A text divided into statements. */
export interface Statements {
	/** The complete statements, each with its `;`. */
	complete: string[];
	/** The text after the last `;`. */
	rest: string;
	/** True when the rest is inside quotes or a comment: then its lines are not commands. */
	isQuoted: boolean;
}

/**
 * Divides a text after each `;` that is outside quotes and comments.
 *
 * @see https://www.postgresql.org/docs/current/sql-syntax-lexical.html
 */
export function cutStatements(text: string): Statements {
	const complete: string[] = [];
	let start = 0;
	const rest = (isQuoted: boolean) => ({ complete, rest: text.slice(start).trimStart(), isQuoted });
	for (let at = 0; at < text.length;) {
		QUOTED.lastIndex = at;
		if (QUOTED.test(text)) {
			at = QUOTED.lastIndex;
		} else if (text.startsWith('/*', at)) {
			const end = endOfComment(text, at);
			if (end === null) return rest(true);
			at = end;
		} else if (/^(?:['"]|\$(?:[a-z_]\w*)?\$)/i.test(text.slice(at, at + 80))) {
			// A quotation that is not closed yet: the whole rest belongs to it.
			return rest(true);
		} else if (text[at] === ';') {
			complete.push(text.slice(start, at + 1).trim());
			start = ++at;
		} else {
			// Skip a whole name, because it may contain a quotation mark: a$b$c.
			WORD.lastIndex = at;
			at = WORD.test(text) ? WORD.lastIndex : at + 1;
		}
	}
	return rest(false);
}

const WORD = /\w[\w$]*/y;

/** Returns the end of a comment. Comments can be nested. null: it does not end. */
function endOfComment(text: string, start: number): number | null {
	const mark = /\/\*|\*\//g;
	mark.lastIndex = start;
	let depth = 0;
	for (let match = mark.exec(text); match; match = mark.exec(text)) {
		depth += match[0] === '/*' ? 1 : -1;
		if (depth === 0) return mark.lastIndex;
	}
	return null;
}

/** Returns the statement without comments at its beginning; '' when only semicolons are left. */
function bare(statement: string): string {
	let text = statement.trim();
	for (;;) {
		const end = text.startsWith('--')
			? `${text}\n`.indexOf('\n')
			: text.startsWith('/*')
				? (endOfComment(text, 0) ?? text.length)
				: 0;
		if (end === 0) return /^;*$/.test(text) ? '' : text;
		text = text.slice(end).trimStart();
	}
}

/** @returns true when there is nothing to run */
export const isEmpty = (statement: string): boolean => bare(statement) === '';

/** @returns whether a statement copies data to standard output ('out') or from standard input ('in') */
export function copies(statement: string): 'out' | 'in' | null {
	const text = bare(statement).replace(/'[^']*'|"[^"]*"/g, 'x');
	const way = /^copy\b[^]*\b(?:(to)\s+stdout|(from)\s+stdin)\b/i.exec(text);
	return way ? (way[1] ? 'out' : 'in') : null;
}
