/** An event as a writer hands it over. */
export interface NewEvent {
	topic: string;
	/** Payload; must satisfy the topic's schema. */
	data: unknown;
	/** Who may see it; null or absent: everyone who may subscribe to the topic. */
	userId?: string | null;
	/** At most 200 characters. The same key, ever again, adds nothing and answers the first event's id. */
	key?: string;
}

/** What an append answers for each event. */
export interface Appended {
	id: string;
	/** True when the key had been used before and nothing was added. */
	duplicate: boolean;
}

/** An event as it is read from the log. */
export interface LogEvent {
	id: bigint;
	topic: string;
	userId: string | null;
	/** JSON text exactly as Postgres prints it: it goes to the wire without being parsed. */
	data: string;
}

export type { Drizzle, Transaction } from '../database/client.ts';
