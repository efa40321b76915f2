import { getApp } from '$src/app/app.ts';
import { chunksOf } from '$src/http/json-body.ts';
import { publish } from '$src/http/publish/publish.ts';
import { toResponse } from '$src/http/refuse.ts';
import type { RequestHandler } from './$types';

/** Used in development only: in production, our own server (http/door.ts) handles this path. */
export const POST: RequestHandler = async ({ request }) => {
	const header = (name: string) => request.headers.get(name);
	return toResponse(await publish(getApp(), { header, chunks: chunksOf(request) }));
};
