import { parseArgs } from 'node:util';

export const HELP = `Runs SQL on the database that the app uses: DATABASE_URL, or the embedded one.

  npm run sql -- "select 1; select 2"   runs each statement on its own; ends at the first that fails
  npm run sql < file.sql                runs them all; fails if one has failed
  npm run sql                           a prompt; \\? lists what it knows besides SQL

  --csv    values separated by commas, with a line of names
  --json   an array of objects for each result
  -x       each value on a line of its own
  --url    prints the address of the database, with its password
  --psql   opens psql, where it is installed; what follows goes to it
  --help   this

"copy … to stdout" prints data, "copy … from stdin" reads them from the input, so files go in and out:

  npm run --silent sql -- "copy events to stdout (format csv, header)" > events.csv
  npm run --silent sql -- "copy notes from stdin (format csv, header)" < notes.csv`;

/** How rows are shown. */
export type Format = 'table' | 'expanded' | 'csv' | 'json';

/** What the command line asks for. */
export type Wanted =
	| { do: 'help' }
	| { do: 'url' }
	| { do: 'psql'; args: string[] }
	| { do: 'run'; format: Format; text: string };

/**
 * Parses the command line.
 *
 * @throws Error with what is wrong
 */
export function readArguments(args: string[]): Wanted {
	const psql = args.indexOf('--psql');
	if (psql >= 0) return { do: 'psql', args: args.toSpliced(psql, 1) };
	const { values, positionals } = parseArgs({
		args,
		allowPositionals: true,
		options: {
			help: { type: 'boolean', short: 'h' },
			url: { type: 'boolean' },
			csv: { type: 'boolean' },
			json: { type: 'boolean' },
			expanded: { type: 'boolean', short: 'x' }
		}
	});
	if (values.help) return { do: 'help' };
	if (values.url) return { do: 'url' };
	const formats = (['csv', 'json', 'expanded'] as const).filter((name) => values[name]);
	if (formats.length > 1) throw new Error(`Choose one of --${formats.join(', --')}.`);
	return { do: 'run', format: formats[0] ?? 'table', text: positionals.join(' ').trim() };
}
