import { parseArgs } from 'node:util';

/** A mechanism that can be removed, to see that the checker notices it. */
export type Mechanism = 'order';

export interface Options {
	seed: number;
	/** How long writers, readers and faults run, in milliseconds. */
	durationMs: number;
	without: Mechanism | null;
	/** True: there is a second server, a replica that is promoted. Default: for every other seed. */
	promotion: boolean;
	/** Parts of the names of the faults to choose from, separated by commas; empty: all. */
	only: string;
	/** Print each fault when it happens. */
	verbose: boolean;
}

export const USAGE = `npm run test:faults -- [--minutes N | --seconds N] [--seed N] [--only "part of a fault's name,…"] [--promotion] [--without order] [--verbose]`;

/** @throws Error that says what is wrong with the command line */
export function readOptions(args: string[]): Options {
	const { values } = parseArgs({
		args,
		options: {
			minutes: { type: 'string' },
			seconds: { type: 'string' },
			seed: { type: 'string' },
			without: { type: 'string' },
			only: { type: 'string', default: '' },
			promotion: { type: 'boolean', default: false },
			verbose: { type: 'boolean', default: false }
		}
	});
	const number = (name: 'minutes' | 'seconds' | 'seed', fallback: number) => {
		const text = values[name];
		const value = text === undefined ? fallback : Number(text);
		if (!Number.isFinite(value) || value < 0) throw new Error(`--${name} must be a number`);
		return value;
	};
	if (values.without !== undefined && values.without !== 'order') {
		throw new Error('--without knows "order" only');
	}
	const seed = Math.floor(number('seed', Date.now() % 1_000_000));
	return {
		seed,
		promotion: values.promotion || seed % 2 === 0,
		durationMs: number('minutes', 0) * 60_000 + number('seconds', values.minutes ? 0 : 60) * 1000,
		without: values.without ?? null,
		only: values.only,
		verbose: values.verbose
	};
}
