import { LoglineError } from 'logline';
import { isTransient } from 'logline/postgres';

/** How many may wait in one line. The last one waits about a second. */
const IN_LINE = 20;

/** Runs work with the same name one after the other, and work with different names at the same time. */
export interface Lines {
	/** @throws LoglineError `busy` (503) when too many wait in this line; any error of the work */
	inTurn<T>(name: string, work: () => Promise<T>): Promise<T>;
	/** @returns true when no more work may wait in this line */
	isFull(name: string): boolean;
}

/** @param inLine how many may wait behind the running one */
export function createLines(inLine = IN_LINE): Lines {
	// Empty lines are removed from the map.
	const lines = new Map<string, { length: number; last: Promise<void> }>();
	return {
		async inTurn(name, work) {
			const line = lines.get(name) ?? { length: 0, last: Promise.resolve() };
			if (line.length > inLine) throw busy();
			lines.set(name, line);
			line.length++;
			const mine = line.last.then(work);
			// When the database does not respond to one, all behind it fail with the same error. Otherwise each would wait
			// for its own timeout.
			line.last = mine.then(
				() => undefined,
				(error: unknown) => {
					if (isTransient(error) && !isUnwanted(error)) throw error;
				}
			);
			// Those that wait behind get the error. Without any, it would be an unhandled rejection. The caller gets it from
			// `mine`.
			line.last.catch(() => undefined);
			try {
				return await mine;
			} finally {
				if (--line.length === 0) lines.delete(name);
			}
		},
		isFull: (name) => (lines.get(name)?.length ?? 0) > inLine
	};
}

/** The client of that work has disconnected: this says nothing about the database. */
const isUnwanted = (error: unknown) =>
	(error as { code?: unknown } | null)?.code === 'CONNECTION_UNWANTED';

/** The error for a request that would have to wait too long. */
export function busy(): LoglineError {
	return new LoglineError(
		'busy',
		'Too many people are signing in at this moment. Try again in a few seconds.',
		503,
		3
	);
}
