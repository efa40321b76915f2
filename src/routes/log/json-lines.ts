/**
 * JSON text, one value a line, each with its path. It reads the text itself and not its values: a number keeps all of its
 * digits, and data may be nested as deeply as the log accepts.
 */
export interface JsonLine {
	/** Levels of nesting. */
	depth: number;
	/** Name of the field as JSON text, with quotes; null: an item of a list, or the data itself. */
	key: string | null;
	/** The value, or a bracket: `{`, `]`, `{}`. */
	value: string;
	/** A comma follows. */
	comma: boolean;
	/** Path of the value as a jsonpath of Postgres: `$.user."full name"[0]`. null: the line closes a bracket. */
	path: string | null;
}

const TOKEN = /\s*("(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+)/gy;

/**
 * Splits JSON text into lines.
 *
 * @param most how many; `cut` says that there are more
 */
export function jsonLines(json: string, most = 2000): { lines: JsonLine[]; cut: boolean } {
	const lines: JsonLine[] = [];
	/** The open brackets: the path of each, and the index of the next item of a list. */
	const open: { path: string; index: number | null }[] = [];
	let key: string | null = null;
	TOKEN.lastIndex = 0;
	const next = () => TOKEN.exec(json)?.[1];
	const add = (value: string) => {
		const inside = open.at(-1);
		let path = '$';
		if (inside) path = `${inside.path}${key === null ? `[${inside.index}]` : `.${memberOf(key)}`}`;
		lines.push({ depth: open.length, key, value, comma: false, path });
		if (inside && inside.index !== null) inside.index++;
		key = null;
		return path;
	};
	for (let token = next(); token !== undefined;) {
		if (lines.length >= most) return { lines, cut: true };
		const after = next();
		if (token === ',') lines.at(-1)!.comma = true;
		else if (token === '{' || token === '[') {
			const path = add(token);
			const close = token === '{' ? '}' : ']';
			if (after === close) {
				lines.at(-1)!.value = token + close;
				token = next();
				continue;
			}
			open.push({ path, index: token === '[' ? 0 : null });
		} else if (token === '}' || token === ']') {
			open.pop();
			lines.push({ depth: open.length, key: null, value: token, comma: false, path: null });
		} else if (after === ':') {
			key = token;
			token = next();
			continue;
		} else add(token);
		token = after;
	}
	return { lines, cut: false };
}

/** A name in a jsonpath: without quotes where it is a plain word. */
const memberOf = (key: string) => (/^"[A-Za-z_][A-Za-z0-9_]*"$/.test(key) ? key.slice(1, -1) : key);
