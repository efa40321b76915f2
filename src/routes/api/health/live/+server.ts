import type { RequestHandler } from './$types';

/** Responds while the process runs, even if the database is down. */
export const GET: RequestHandler = () => Response.json({ status: 'ok' });
