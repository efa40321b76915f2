import { json } from '@sveltejs/kit';
import { errorResponse } from 'logline/server';
import { getApp } from '$src/app/app.ts';
import { readPublicLines } from '../../landing/public-log.server.ts';
import type { RequestHandler } from './$types';

/** The newest events that anybody may see, newest first, without an account. */
export const GET: RequestHandler = async () => {
	try {
		return json({ lines: await readPublicLines(getApp()) });
	} catch (error) {
		return errorResponse(error);
	}
};
