import { LoglineError } from 'logline';

/** A line of a feed. */
export interface Line {
	/** From 1. Empty lines count. */
	number: number;
	/** Without its end. null: it is too long. */
	bytes: Buffer | null;
}

/**
 * Maximum bytes of a line. The largest payload fits, even if all of its characters are escapes. With the bytes of one chunk it is
 * all that a feed keeps in memory.
 */
const MAX_LINE_BYTES = 2_097_152;

const LF = 0x0a;

/** Splits chunks of bytes into lines. Empty lines are left out. */
export class LineSplitter {
	readonly #max: number;
	/** The beginning of a line whose end has not come yet. */
	#rest: Uint8Array[] = [];
	#length = 0;
	#number = 1;

	constructor(maxLineBytes = MAX_LINE_BYTES) {
		this.#max = maxLineBytes;
	}

	/** Yields the lines that are complete with this chunk. A line that grows too long is yielded at once, as null. */
	*push(chunk: Uint8Array): Generator<Line, void, void> {
		let from = 0;
		for (;;) {
			const end = chunk.indexOf(LF, from);
			this.#keep(chunk.subarray(from, end < 0 ? chunk.length : end));
			if (end < 0) break;
			yield* this.end();
			this.#number++;
			from = end + 1;
		}
		if (this.#length > this.#max) yield { number: this.#number, bytes: null };
	}

	/** Yields the last line, which may have no line end. */
	*end(): Generator<Line, void, void> {
		const number = this.#number;
		const bytes = this.#length > this.#max ? null : Buffer.concat(this.#rest);
		this.#rest = [];
		this.#length = 0;
		if (bytes === null || !isEmpty(bytes)) yield { number, bytes };
	}

	#keep(part: Uint8Array): void {
		if (part.length === 0) return;
		this.#length += part.length;
		// What is too long is refused, so its bytes are not needed.
		if (this.#length <= this.#max) this.#rest.push(part);
	}
}

/** Nothing, or the CR of a line end. */
const isEmpty = (bytes: Buffer) => bytes.length === 0 || (bytes.length === 1 && bytes[0] === 0x0d);

/** Refuses bytes that are not UTF-8. The usual way would replace them, and store what nobody has sent. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Returns the value of a line.
 *
 * @throws LoglineError `body_too_large`, `invalid_body`
 */
export function parseLine({ bytes }: Line): unknown {
	if (bytes === null) {
		throw new LoglineError('body_too_large', `A line has at most ${MAX_LINE_BYTES} bytes.`, 413);
	}
	try {
		return JSON.parse(utf8.decode(bytes));
	} catch {
		throw new LoglineError('invalid_body', 'It is not JSON in UTF-8.');
	}
}
