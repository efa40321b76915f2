/** What the benchmark asks of a load generator, and what it answers. Times in milliseconds of `stage/clock.ts`. */

/** How a client introduces itself. `{i}` in the request is its number. */
export interface Handshake {
	request: string;
	/** Text to wait for, one after the other; after each, bytes to send (base64). After the last the client is ready. */
	steps: { wait: string; send?: string }[];
}

export interface OpenRequest {
	port: number;
	handshake: Handshake;
	count: number;
	/** Number of the first client. */
	first: number;
	/** Connections that may be under way at once. */
	atOnce: number;
}

/** When clients were ready, counted from the first attempt to connect. */
export interface Opened {
	startedAt: number;
	medianMs: number;
	p99Ms: number;
	lastMs: number;
	/** Attempts that were answered with something else and made again. */
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
	/** From now on each client, also those opened later, is to receive so many events. */
	expect(request: { events: number }): Promise<void>;
	/** Resolves when each has received what `expect` said. Fails when one receives more, or nothing for a minute. */
	counted(): Promise<Counted>;
	/** Begins to note latencies. */
	record(): Promise<void>;
	/** Answers them and stops. */
	latencies(): Promise<Latencies>;
	/** Events received by each client since `expect`: least and most. */
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
