/** Messages between the benchmark and a load generator. Times in milliseconds of `stage/clock.ts`. */

/** What a client sends at the beginning. `{i}` in the request is the number of the client. */
export interface Handshake {
	request: string;
	/**
	 * Texts to wait for, one after the other, each with bytes to send after it (base64). After the last one the client is
	 * ready.
	 */
	steps: { wait: string; send?: string }[];
}

export interface OpenRequest {
	port: number;
	handshake: Handshake;
	count: number;
	/** Number of the first client. */
	first: number;
	/** Maximum connections being opened at once. */
	atOnce: number;
}

/** When clients were ready, counted from the first attempt to connect. */
export interface Opened {
	startedAt: number;
	medianMs: number;
	p99Ms: number;
	lastMs: number;
	/** Attempts that got another response and were repeated. */
	retried: number;
}

export interface Counted {
	/** When the last client had its last event. */
	at: number;
	bytes: number;
}

/** From the time in the event to its arrival. */
export interface Latencies {
	count: number;
	p50: number;
	p99: number;
	max: number;
}

/** Operations of a load generator. */
export interface Operations {
	/** Resolves when all clients are ready. */
	open(request: OpenRequest): Promise<Opened>;
	/** From now on each client must receive this many events, also clients that are opened later. */
	expect(request: { events: number }): Promise<void>;
	/** Resolves when each client has received that many events. Fails when one receives more, or nothing for a minute. */
	counted(): Promise<Counted>;
	/** Starts recording latencies. */
	record(): Promise<void>;
	/** Returns the latencies and stops recording. */
	latencies(): Promise<Latencies>;
	/** Returns the least and most events that a client has received since `expect`. */
	tally(): Promise<{ least: number; most: number }>;
	close(): Promise<void>;
}

export type Operation = keyof Operations;

export interface Call {
	id: number;
	operation: Operation;
	request: unknown;
}

export type Answer = { id: number; result: unknown } | { id: number; error: string };
