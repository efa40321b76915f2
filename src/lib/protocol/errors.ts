/**
 * Errors with a stable code for programs and a message that says what to do. Over HTTP the body is
 * `{"error":{"code","message"}}` (see {@link ErrorBody}).
 */
export class LoglineError extends Error {
	override name = 'LoglineError';
	/** Which of several items it is about, from 0. Absent: it is not about a single one. */
	index?: number;

	constructor(
		/** snake_case, stable. */
		readonly code: string,
		message: string,
		/** HTTP status of the response. */
		readonly status: number = 400,
		/** Seconds after which a retry makes sense. Absent: a retry does not help. */
		readonly retryAfter?: number
	) {
		super(message);
	}
}

/** Body of every JSON error. */
export interface ErrorBody {
	error: { code: string; message: string };
}
