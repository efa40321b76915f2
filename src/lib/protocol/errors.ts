/**
 * Errors with a code that programs can rely on and a message that says what to do. In HTTP:
 * `{"error":{"code","message"}}` (see {@link ErrorBody}).
 */
export class LoglineError extends Error {
	override name = 'LoglineError';

	constructor(
		/** snake_case, stable. */
		readonly code: string,
		message: string,
		/** HTTP status that goes with it. */
		readonly status: number = 400,
		/** Seconds after which trying again makes sense, if it does. */
		readonly retryAfter?: number
	) {
		super(message);
	}
}

/** Body of every JSON error. */
export interface ErrorBody {
	error: { code: string; message: string };
}
