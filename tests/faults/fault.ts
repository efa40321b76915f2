import type { Findings } from './audit.ts';
import type { Ledger } from './ledger.ts';
import type { Random } from './random.ts';
import type { Readers } from './readers.ts';
import type { World } from './world.ts';
import type { Writers } from './writers.ts';

/** One kind of failure. */
export interface Fault {
	readonly kind: string;
	/** How often it is chosen, relative to others. */
	readonly weight: number;
	/** True: no other fault may run at the same time, because this one has time limits. */
	readonly alone?: boolean;
	/** Resolves when the fault is over and repaired; with false when it was not possible now. */
	inject(): Promise<boolean | void>;
}

/** What faults use and affect. */
export interface Stage {
	readonly world: World;
	/** The injector's own random numbers. */
	readonly random: Random;
	readonly writers: Writers;
	readonly readers: Readers;
	readonly ledger: Ledger;
	/** For problems that are visible at once, and not in the log at the end. */
	readonly findings: Findings;
	/** Counts results of a fault, for the report. */
	deed(what: string, count?: number): void;
}

/** Creates the faults of one kind. */
export type FaultMaker = (stage: Stage) => readonly Fault[];
