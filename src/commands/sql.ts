/**
 * `npm run sql -- "select …"`: runs SQL on the database of the app and shows the result. Without an argument: a prompt, or
 * statements from standard input.
 */
import { runCommand, withDatabase } from './run-command.ts';
import { HELP, readArguments, type Wanted } from './sql/arguments.ts';
import { prompt } from './sql/prompt.ts';
import { openPsql } from './sql/psql.ts';
import { Session, type CopyInput } from './sql/session.ts';
import { cutStatements } from './sql/statement.ts';

/** The usual exit code for an invalid command line. */
const USAGE = 2;

let interrupt: () => void = () => {};

runCommand(async () => {
	let wanted: Wanted;
	try {
		wanted = readArguments(process.argv.slice(2));
	} catch (error) {
		console.error(`${(error as Error).message}\n\n${HELP}`);
		return USAGE;
	}
	if (wanted.do === 'help') {
		console.log(HELP);
		return 0;
	}
	return withDatabase((url) => run(wanted, url), { onInterrupt: () => interrupt() });
});

async function run(wanted: Exclude<Wanted, { do: 'help' }>, url: string): Promise<number> {
	if (wanted.do === 'url') {
		console.log(url);
		return 0;
	}
	if (wanted.do === 'psql') return openPsql(url, wanted.args);
	const { format, text } = wanted;
	const open = (input: CopyInput) => new Session(url, { format, input });
	if (!text) return prompt(open, (act) => (interrupt = act));

	const session = open(() => process.stdin);
	interrupt = () => void session.cancel();
	try {
		const { complete, rest } = cutStatements(text);
		for (const statement of [...complete, rest]) {
			if (!(await session.run(statement))) return 1;
		}
		return 0;
	} finally {
		await session.end();
	}
}
