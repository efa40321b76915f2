/**
 * One of several writers that follow each other: workers, of which only the newest may write. The log refuses an epoch that is
 * older than the highest one it has seen of the name.
 */
export interface Producer {
	/** 1 to 200 octets. */
	name: string;
	/** A whole number from 0. Whoever takes over gives a higher one than its predecessor. */
	epoch: number;
}

/** An event as a writer passes it in. */
export interface NewEvent {
	topic: string;
	/** Payload; must satisfy the topic's schema. */
	data: unknown;
	/** Id of the user who may see it, 1 to 200 octets. null or absent: everyone who may subscribe to the topic. */
	userId?: string | null;
	/**
	 * At most 200 characters. If the key was ever used before, nothing is added, and the id of the first event is returned.
	 */
	key?: string;
	/** Who writes. Absent: any number of writers. */
	producer?: Producer | undefined;
}

/** The result of an append for each event. */
export interface Appended {
	id: string;
	/** True when the key had been used before. Nothing was added. */
	duplicate: boolean;
}

/** An event as it is read from the log. */
export interface LogEvent {
	id: bigint;
	topic: string;
	userId: string | null;
	/**
	 * JSON text exactly as Postgres prints it. It is sent without being parsed. null: the event exists, but it is too large
	 * to be sent, or Postgres refuses to return it.
	 */
	data: string | null;
}

/**
 * An open transaction of the application: of drizzle (on any of its drivers for Postgres), of postgres.js (`sql.begin`), or a
 * client of pg after BEGIN. Only the named method is used.
 */
export type Transaction =
	| { execute(query: string): PromiseLike<unknown> }
	| { unsafe(query: string): PromiseLike<unknown> }
	| { query(query: string): PromiseLike<unknown> };
