import type { LoglineError } from 'logline';
import { failureOf } from 'logline/server';
import { jsonAnswer, jsonRefusal, type Answer } from '../refuse.ts';
import { appendItems, at, type Publisher } from './append-items.ts';
import { LineSplitter, parseLine, type Line } from './lines.ts';

/** Maximum lines of one append: what the log writes in one statement. */
const MAX_LINES = 512;

/** How far a feed has come. */
interface Progress {
	/** Events that are in the log, from the first line on. */
	written: number;
	/** How many of them were there before, by their keys. */
	duplicates: number;
	/** Number of the first line that is not known to be in the log. */
	next: number;
}

/** A failure, and the number of the line that it is about. */
class LineError extends Error {
	constructor(
		readonly failure: LoglineError,
		readonly line: number | undefined
	) {
		super(failure.message);
	}
}

/**
 * Publishes a feed of lines, each of them an event, until its end or the first line that cannot be written. A piece of it is
 * read when the one before is committed, so the program that sends is as fast as the log, and the memory that a feed takes
 * does not depend on its length.
 *
 * @throws only what is a fault of ours
 */
export async function publishFeed(
	app: Publisher,
	chunks: AsyncIterable<Uint8Array>
): Promise<Answer> {
	const progress: Progress = { written: 0, duplicates: 0, next: 1 };
	const splitter = new LineSplitter();
	try {
		for await (const chunk of chunks) await writeLines(app, splitter.push(chunk), progress);
		await writeLines(app, splitter.end(), progress);
	} catch (error) {
		const failure = error instanceof LineError ? error.failure : failureOf(error);
		if (!failure) throw error;
		const { code, message } = failure;
		const line = error instanceof LineError ? error.line : undefined;
		const about =
			line === undefined ? { code, message } : { code, message: `Line ${line}: ${message}`, line };
		return jsonRefusal(failure, { error: about, ...progress });
	}
	const { written, duplicates } = progress;
	return jsonAnswer({ written, duplicates });
}

/** Writes lines in order, in appends of a bounded size. */
async function writeLines(
	app: Publisher,
	lines: Iterable<Line>,
	progress: Progress
): Promise<void> {
	let batch: Line[] = [];
	for (const line of lines) {
		batch.push(line);
		if (batch.length < MAX_LINES) continue;
		await writeBatch(app, batch, progress);
		batch = [];
	}
	await writeBatch(app, batch, progress);
}

/** Appends lines. When one of them is refused, those before it are written all the same. */
async function writeBatch(
	app: Publisher,
	lines: readonly Line[],
	progress: Progress
): Promise<void> {
	if (lines.length === 0) return;
	progress.next = lines[0]!.number;
	try {
		const appended = await appendItems(app, lines.map(valueOf));
		progress.written += appended.length;
		progress.duplicates += appended.filter(({ duplicate }) => duplicate).length;
		progress.next = lines.at(-1)!.number + 1;
	} catch (error) {
		const failure = failureOf(error);
		if (failure?.index === undefined) throw error;
		const { index } = failure;
		// A line is refused for itself or for its topic's or producer's sake. Those before it are not.
		await writeBatch(app, lines.slice(0, index), progress);
		throw new LineError(failure, lines[index]!.number);
	}
}

/** @throws LoglineError with the index of the line */
function valueOf(line: Line, index: number): unknown {
	try {
		return parseLine(line);
	} catch (error) {
		throw at(index, error);
	}
}
