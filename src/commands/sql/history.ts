import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/** How many lines are kept. */
export const HISTORY_LINES = 1000;

/** Lines that are not stored. */
const SECRET = /passw|secret|token|\bscram-sha|\w:\/\/[^\s/]*:[^\s/]*@/i;

/**
 * Opens the history of earlier prompts. It is stored in the user's state folder. Lines that may contain a password are not
 * stored. If the file cannot be written, there is no history.
 *
 * @returns the lines, the newest last, and a function that stores another one
 * @see https://specifications.freedesktop.org/basedir-spec/latest/
 */
export function openHistory(environment: NodeJS.ProcessEnv = process.env): {
	lines: string[];
	remember(line: string): void;
} {
	const folder = environment.XDG_STATE_HOME || join(homedir(), '.local', 'state');
	const file = join(folder, 'logline', 'sql_history');
	let writable = true;
	/** An error of the history must not stop the work. It is reported once. */
	const attempt = (work: () => void) => {
		if (!writable) return;
		try {
			work();
		} catch (error) {
			writable = false;
			console.error(`The history is not kept: ${(error as Error).message}`);
		}
	};
	let lines: string[] = [];
	attempt(() => {
		mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
		if (!existsSync(file)) return;
		lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
		if (lines.length <= 2 * HISTORY_LINES) return;
		lines = lines.slice(-HISTORY_LINES);
		writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
	});
	return {
		lines: lines.slice(-HISTORY_LINES),
		remember: (line) => {
			if (!line.trim() || SECRET.test(line)) return;
			// Written at once, so that a killed terminal loses no line, and two prompts can share the file.
			attempt(() => appendFileSync(file, `${line}\n`, { mode: 0o600 }));
		}
	};
}
