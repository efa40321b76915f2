/** Limits and times of the streams of one process. Times in milliseconds, sizes in bytes. */
export interface StreamLimits {
	/** Interval of keep-alives. Default 15,000. */
	keepAliveMs: number;
	/** How long a browser waits before it reconnects. Default 3,000. */
	retryMs: number;
	/** Maximum age of a stream; 0: no maximum. Each stream gets a random 80 to 100 % of it. Default 900,000. */
	maxAgeMs: number;
	/** Default 10. */
	maxConnectionsPerUser: number;
	/** Default 20,000. */
	maxConnections: number;
	/** Maximum topics of one stream. Default 32. */
	maxTopics: number;
	/** A client with more unsent bytes than this reads on from the log. Default 262,144. */
	bufferBytes: number;
	/** A client that takes no bytes for this long is disconnected. Default 60,000. */
	stallMs: number;
	/** `stop()` waits this long, in all, for streams and requests to end. Default 5,000. */
	shutdownGraceMs: number;
}

export const DEFAULT_LIMITS: StreamLimits = {
	keepAliveMs: 15_000,
	retryMs: 3_000,
	maxAgeMs: 900_000,
	maxConnectionsPerUser: 10,
	maxConnections: 20_000,
	maxTopics: 32,
	bufferBytes: 262_144,
	stallMs: 60_000,
	shutdownGraceMs: 5_000
};
