import { LoglineError, type ErrorBody } from '../../protocol/index.ts';
import { mayPass } from '../database/transient.ts';

/**
 * Returns the error that a client can do something about: a LoglineError, or 503 when the database is unavailable. null: an
 * internal error.
 */
export function failureOf(error: unknown): LoglineError | null {
	if (error instanceof LoglineError) return error;
	if (!mayPass(error)) return null;
	return new LoglineError(
		'database_unavailable',
		'The database is not available just now. Try again in a moment.',
		503,
		1
	);
}

/**
 * Returns the JSON response for such an error.
 *
 * @throws the error itself when it is an internal error: the framework reports it
 */
export function errorResponse(error: unknown): Response {
	const failure = failureOf(error);
	if (!failure) throw error;
	const { code, message, status } = failure;
	const body = { error: { code, message } } satisfies ErrorBody;
	return Response.json(body, { status, headers: refusalHeaders(failure) });
}

/** Headers of every refusal, besides its content type. */
export function refusalHeaders({ retryAfter }: LoglineError): Record<string, string> {
	return {
		'cache-control': 'private, no-store',
		...(retryAfter === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfter)) })
	};
}
