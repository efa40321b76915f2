import type { StartFeature } from '$src/app/app.ts';
import { startRoomMail } from './mail.server.ts';

const TEN_MINUTES = 600_000;

/** Mails members what stays unread. */
export const start: StartFeature = (app) =>
	startRoomMail(app, readMailAfter(process.env.LOGLINE_ROOM_MAIL_MS));

/** LOGLINE_ROOM_MAIL_MS is for tests of the built app, for which ten minutes are too long. In milliseconds. */
export function readMailAfter(text: string | undefined): number {
	if (text === undefined || text === '') return TEN_MINUTES;
	const after = Number(text);
	if (!(after >= 1 && after <= 30 * 86_400_000)) {
		throw new Error('LOGLINE_ROOM_MAIL_MS must be a number of milliseconds from 1 to 30 days');
	}
	return after;
}
