/** What a `;` does not end a statement in, and what ends it. E'…' with backslashes is rare at a prompt, and left out. */
const QUOTED = /'[^']*'|"[^"]*"|--[^\n]*|(\$(?:[a-z_]\w*)?\$)[^]*?\1/iy;

/**
 * Where the last complete statement of a text ends: after the last `;` that is outside of quotes and comments.
 *
 * @returns 0 when no statement is complete.
 * @see https://www.postgresql.org/docs/current/sql-syntax-lexical.html
 */
export function endOfStatements(text: string): number {
	let end = 0;
	for (let at = 0; at < text.length;) {
		QUOTED.lastIndex = at;
		if (QUOTED.test(text)) {
			at = QUOTED.lastIndex;
		} else if (text.startsWith('/*', at)) {
			at = endOfComment(text, at);
		} else if (/['"]|\$(?:[a-z_]\w*)?\$/iy.test(text.slice(at))) {
			// Opened, and not closed yet: all that follows belongs to it.
			return end;
		} else {
			if (text[at] === ';') end = at + 1;
			// As a whole, because a name may contain what opens a quotation: a$b$c.
			at += /^\w[\w$]*/.exec(text.slice(at))?.[0].length ?? 1;
		}
	}
	return end;
}

/** Comments nest. One that does not end goes to the end of the text. */
function endOfComment(text: string, start: number): number {
	const mark = /\/\*|\*\//g;
	mark.lastIndex = start;
	let depth = 0;
	for (let match = mark.exec(text); match; match = mark.exec(text)) {
		depth += match[0] === '/*' ? 1 : -1;
		if (depth === 0) return mark.lastIndex;
	}
	return text.length;
}
