/** What the page and the worker with the database say to each other. */
import type { Problem, Result } from '../result.ts';

/** A row of the table `events`. */
export interface EventRow {
	id: string;
	topic: string;
	user_id: string | null;
	/** JSON text; null: larger than the server sends in a list. */
	data: string | null;
	created_at: string;
	size: number;
}

export type Order =
	| { do: 'start'; zone: string }
	/** @param anew the table is made anew, whatever has become of it */
	| { do: 'fill'; rows: EventRow[]; anew: boolean }
	| { do: 'run'; sql: string };

/** What each order is answered with. */
export interface Answers {
	start: null;
	/** How many rows have no data here, because this database cannot read them. */
	fill: number;
	run: Result;
}

export type Answer =
	| { n: number; ok: true; value: Answers[keyof Answers] }
	/** @param broken the database has ended */
	| { n: number; ok: false; problem: Problem; broken: boolean };
