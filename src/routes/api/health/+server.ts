import { getApp } from '$src/app/app.ts';
import type { RequestHandler } from './$types';

export const GET: RequestHandler = () => {
	const health = getApp().health();
	return Response.json(health, { status: health.status === 'ok' ? 200 : 503 });
};
