import { exportEvents } from '$src/accounts/export-events.ts';
import { requireSession } from '$src/accounts/own-account-forms.server.ts';
import { getApp } from '$src/app/app.ts';
import type { RequestHandler } from './$types';

/** Every event that is private to the user, one JSON object per line. */
export const GET: RequestHandler = ({ locals }) => {
	const asking = requireSession({ locals });
	const { auth, logline, logger } = getApp();
	const lines = exportEvents({ auth, logline }, asking, (error) =>
		logger.warn({ err: error, userId: asking.user.id }, 'an export broke off')
	);
	return new Response(lines, {
		headers: {
			'content-type': 'application/x-ndjson; charset=utf-8',
			'content-disposition': 'attachment; filename="logline-events.ndjson"'
		}
	});
};
