/** Reasons to refuse a connection, or to end it before it has a stream. */

import { LoglineError } from '../../protocol/index.ts';

const tooMany = (message: string, seconds: number) =>
	new LoglineError('too_many_connections', message, 429, seconds);

export const draining = () =>
	new LoglineError('draining', 'The server is shutting down. Connect again.', 503, 1);

export const serverFull = () => tooMany('The server is full. Try again later.', 10);

/** @param most number of streams that a user may have open */
export const tooManyStreams = (most: number) =>
	tooMany(`At most ${most} streams per user. Close one, or share one between tabs.`, 10);

/** @param ms time until the user may open the next stream, in milliseconds */
export const tooOften = (ms: number) =>
	tooMany(
		'Too many streams were opened in a short time. Keep them open, and wait before you open more.',
		Math.ceil(ms / 1000)
	);

export const sessionOver = (reason = 'The session has ended.') =>
	new LoglineError('unauthorized', reason, 401);

export const sessionUnchecked = () =>
	new LoglineError('draining', 'The session must be checked again. Connect again.', 503, 1);

export const logReplaced = () =>
	new LoglineError('database_unavailable', 'The log was replaced. Connect again.', 503, 1);

/** Nobody reads this response. 499 is the status that servers log for a client that closed before the response. */
export const clientGone = () => new LoglineError('client_gone', 'The client has gone.', 499);
