/** What the programs of the checkers have in common: their command line, what they say meanwhile, and how they end. */
import { readOptions, USAGE, type Options } from './options.ts';

/** A run of a checker. */
export interface Run extends Options {
	/** Prints a line with the time, if that is asked for. */
	tell(line: string): void;
	/** Counts a result of a fault. */
	deed(what: string, count?: number): void;
	readonly deeds: ReadonlyMap<string, number>;
}

/**
 * Runs a checker and ends the process. The exit code is 1 if something was found, 2 if the command line is wrong.
 *
 * @param check returns true when nothing was found
 * @param closeWorld ends everything that `check` has started; called once, however the run ends
 */
export function runChecker(
	check: (run: Run) => Promise<boolean>,
	closeWorld: () => Promise<void>
): void {
	let closing: Promise<void> | null = null;
	const close = () => (closing ??= closeWorld());
	const end = (code: number) => void close().finally(() => process.exit(code));

	// However it ends, no child process may remain.
	for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end(130));
	const fail = (error: unknown) => {
		console.error(error);
		end(1);
	};
	process.once('uncaughtException', fail);
	main(check, close).then(end, fail);
}

async function main(
	check: (run: Run) => Promise<boolean>,
	close: () => Promise<void>
): Promise<number> {
	let options: Options;
	try {
		options = readOptions(process.argv.slice(2));
	} catch (error) {
		console.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
		return 2;
	}
	console.log(`seed ${options.seed}, ${options.durationMs / 1000} s`);
	try {
		return (await check(runOf(options))) ? 0 : 1;
	} finally {
		await close();
	}
}

function runOf(options: Options): Run {
	const started = performance.now();
	const deeds = new Map<string, number>();
	return {
		...options,
		deeds,
		deed: (what, count = 1) => void deeds.set(what, (deeds.get(what) ?? 0) + count),
		tell: (line) => {
			if (!options.verbose) return;
			console.log(`${((performance.now() - started) / 1000).toFixed(1)} s  ${line}`);
		}
	};
}
