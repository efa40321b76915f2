/**
 * `npm run sql -- "select …"`: runs SQL on the database that the app uses, and shows tables. Without an argument: a prompt,
 * or what comes in on standard input.
 */
import { createInterface } from 'node:readline';
import postgres from 'postgres';
import { openClient, type Sql } from '$lib/server/database/client.ts';
import { runCommand, withDatabase } from './command.ts';
import { endOfStatements } from './statement.ts';
import { drawTable, type Column } from './table.ts';

/** What the driver answers for each statement of a text. */
interface Result extends Array<(Buffer | null)[]> {
	columns?: Column[];
	command: string | null;
	count: number | null;
}

/** Runs statements and shows what they answer. Answers whether all went well. */
async function show(sql: Sql, text: string, hold: (query: { cancel(): void } | null) => void) {
	try {
		const query = sql.unsafe(text).raw();
		hold(query);
		const answer = (await query) as unknown as Result | Result[];
		const isList = answer.length > 0 && 'command' in Object(answer[0]);
		for (const result of isList ? (answer as Result[]) : [answer as Result]) print(result);
		return true;
	} catch (error) {
		console.error(explain(error, text));
		return false;
	} finally {
		hold(null);
	}
}

function print(result: Result): void {
	if (result.columns && result.columns.length > 0) {
		const rows = result.map((row) => row.map((value) => value?.toString() ?? null));
		console.log(drawTable(result.columns, rows));
	} else if (result.command) {
		console.log([result.command, result.count].filter((part) => part !== null).join(' '));
	}
}

/** An error with everything that helps, and the place in the text that it is about. */
function explain(error: unknown, text: string): string {
	if (!(error instanceof postgres.PostgresError)) {
		return `ERROR: ${error instanceof Error ? error.message : String(error)}`;
	}
	const lines = [`ERROR: ${error.message} (${error.code})`];
	if (error.position) {
		const before = [...text].slice(0, Number(error.position) - 1).join('');
		const row = before.split('\n').length;
		const lead = `LINE ${row}: `;
		lines.push(lead + (text.split('\n')[row - 1] ?? ''));
		const indent = (before.split('\n').at(-1) ?? '').replace(/[^\t]/g, ' ');
		lines.push(`${' '.repeat(lead.length)}${indent}^`);
	}
	if (error.detail) lines.push(`DETAIL: ${error.detail}`);
	if (error.hint) lines.push(`HINT: ${error.hint}`);
	if (error.where) lines.push(`WHERE: ${error.where}`);
	return lines.join('\n');
}

/** Reads statements until `\q` or the end of the input. Answers an exit code. */
async function prompt(sql: Sql, onInterrupt: (act: () => void) => void): Promise<number> {
	const { isTTY } = process.stdin;
	const reader = createInterface({
		input: process.stdin,
		output: process.stdout,
		terminal: isTTY,
		historySize: 500
	});
	let pending = '';
	let running: { cancel(): void } | null = null;
	let allWell = true;
	const ask = () => {
		if (!isTTY) return;
		reader.setPrompt(pending.trim() ? 'logline-> ' : 'logline=> ');
		reader.prompt();
	};
	const interrupt = () => {
		if (running) running.cancel();
		else {
			pending = '';
			console.log();
			ask();
		}
	};
	reader.on('SIGINT', interrupt);
	onInterrupt(interrupt);
	const run = async (text: string) => {
		allWell = (await show(sql, text, (query) => (running = query))) && allWell;
	};

	if (isTTY) console.log('Statements end with a semicolon. \\q or Ctrl-D leaves.');
	ask();
	for await (const line of reader) {
		pending += `${line}\n`;
		const end = endOfStatements(pending);
		if (end > 0) {
			const text = pending.slice(0, end).trim();
			pending = pending.slice(end).trimStart();
			await run(text);
		}
		if (/^\s*(\\q|exit|quit)\s*$/.test(pending)) {
			pending = '';
			break;
		}
		ask();
	}
	reader.close();
	if (!isTTY && pending.trim()) await run(pending.trim());
	return allWell || isTTY ? 0 : 1;
}

const text = process.argv.slice(2).join(' ').trim();
let interrupt: (() => void) | null = null;
runCommand(() =>
	withDatabase(
		async (url) => {
			const sql = openClient(url, { max: 1, name: 'sql' });
			try {
				if (!text) return await prompt(sql, (act) => (interrupt = act));
				let running: { cancel(): void } | null = null;
				interrupt = () => running?.cancel();
				return (await show(sql, text, (query) => (running = query))) ? 0 : 1;
			} finally {
				await sql.end({ timeout: 5 });
			}
		},
		{ onInterrupt: () => interrupt?.() }
	)
);
