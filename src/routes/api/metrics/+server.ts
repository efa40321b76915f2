import { getApp } from '$src/app/app.ts';
import { requireMetricsReader } from '$src/http/metrics/may-read.ts';
import { processMetrics } from '$src/http/metrics/metrics.ts';
import { errorResponse } from 'logline/server';
import type { RequestHandler } from './$types';

/** Metrics of this process, for Prometheus. */
export const GET: RequestHandler = async ({ request, platform, getClientAddress }) => {
	try {
		const app = getApp();
		requireMetricsReader(
			{
				header: (name) => request.headers.get(name),
				// In development there is no platform, and no setting for proxies.
				remoteAddress: platform ? platform.req.socket.remoteAddress : getClientAddress()
			},
			{ token: app.config.publishToken, addressHeader: process.env.ADDRESS_HEADER }
		);
		const { text, type } = await processMetrics().read(app.health());
		return new Response(text, { headers: { 'content-type': type } });
	} catch (error) {
		return errorResponse(error);
	}
};
