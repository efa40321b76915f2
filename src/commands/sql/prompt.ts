import { createInterface } from 'node:readline';
import type { CopyInput } from './session.ts';
import { type Session } from './session.ts';
import { HISTORY_LINES, openHistory } from './history.ts';
import { runMeta } from './meta.ts';
import { cutStatements } from './statement.ts';

/**
 * Reads statements from standard input until `\q` or its end: interactively, with a prompt and a history, or from a file.
 *
 * @param open begins the session; `copy … from stdin` reads the lines after it as data
 * @param onInterrupt called with the function to run at Ctrl-C
 * @returns an exit code
 */
export async function prompt(
	open: (input: CopyInput) => Session,
	onInterrupt: (act: () => void) => void
): Promise<number> {
	const { isTTY } = process.stdin;
	const history = isTTY ? openHistory() : null;
	const reader = createInterface({
		input: process.stdin,
		output: process.stdout,
		terminal: isTTY,
		historySize: HISTORY_LINES,
		history: history?.lines.toReversed()
	});
	const lines = reader[Symbol.asyncIterator]();
	const next = async () => {
		const line = await lines.next();
		return line.done ? null : line.value;
	};
	const session = open(() => copyLines(next));
	let pending = '';
	let allWell = true;
	const ask = () => {
		if (!isTTY) return;
		reader.setPrompt(pending ? 'logline-> ' : 'logline=> ');
		reader.prompt();
	};
	const interrupt = () => {
		if (session.isRunning) {
			void session.cancel();
			return;
		}
		pending = '';
		// Clearing the line by key codes would not work with TERM=dumb.
		Object.assign(reader, { line: '', cursor: 0 });
		console.log();
		ask();
	};
	reader.on('SIGINT', interrupt);
	onInterrupt(interrupt);

	try {
		if (isTTY) console.log('Statements end with a semicolon. \\? for help, \\q or Ctrl-D leaves.');
		ask();
		let isQuoted = false;
		for (let line = await next(); line !== null; line = await next()) {
			history?.remember(line);
			if (!isQuoted && line.startsWith('\\')) {
				if (!(await runMeta(line, session))) break;
			} else if (!pending && /^\s*(exit|quit)\s*;?\s*$/.test(line)) {
				break;
			} else {
				const cut = cutStatements(`${pending}${line}\n`);
				({ rest: pending, isQuoted } = cut);
				for (const statement of cut.complete) {
					allWell = (await session.run(statement)) && allWell;
				}
			}
			ask();
		}
		if (!isTTY && pending) allWell = (await session.run(pending)) && allWell;
	} finally {
		reader.close();
		await session.end();
	}
	return allWell || isTTY ? 0 : 1;
}

/** The lines before a line that is only `\.`. */
async function* copyLines(next: () => Promise<string | null>): AsyncGenerator<string> {
	if (process.stdin.isTTY) console.log('Lines of data, then \\. alone on a line.');
	for (let line = await next(); line !== null && line !== '\\.'; line = await next()) {
		yield `${line}\n`;
	}
}
