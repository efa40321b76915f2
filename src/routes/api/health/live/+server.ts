import type { RequestHandler } from './$types';

/** Answers while the process runs, whatever the database does. */
export const GET: RequestHandler = () => Response.json({ status: 'ok' });
