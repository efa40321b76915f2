import { LoglineError, type ErrorBody } from '$lib/protocol';
import { isTransient } from './database/transient.ts';

/**
 * The response for an error that a caller can do something about: a LoglineError, or a database that is away (503).
 *
 * @throws the error itself when it is neither: a fault of ours, for `handleError` to report.
 */
export function errorResponse(error: unknown): Response {
	if (error instanceof LoglineError) return toResponse(error);
	if (isTransient(error)) {
		return toResponse(
			new LoglineError(
				'database_unavailable',
				'The database cannot be reached. Try again in a second.',
				503,
				1
			)
		);
	}
	throw error;
}

function toResponse({ code, message, status, retryAfter }: LoglineError): Response {
	const body: ErrorBody = { error: { code, message } };
	return Response.json(body, {
		status,
		headers: retryAfter === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfter)) }
	});
}
