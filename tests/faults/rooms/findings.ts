import { noFindings, type Findings } from '../audit.ts';

/** What the oracle finds besides the findings of the checker. */
const ROOM_FINDINGS = [
	/** An event whose topic was not visible at any moment from the event to its delivery. */
	'leaked',
	/** An event that was appended after a revoke had committed. */
	'seen after a revoke',
	/** By the log's own view, the user could see what was appended after the revoke. */
	'revoked too late',
	/** By the log's own view, the user could not see what was appended after the grant had committed. */
	'granted too late',
	/** A client has a cursor that speaks for events which it has not received: a cut here would lose them. */
	'cursor ahead',
	/** In the end, the log's view is not the application's. */
	'grants and log differ'
] as const;
export type RoomFindings = Findings & Record<(typeof ROOM_FINDINGS)[number], string[]>;

export function noRoomFindings(): RoomFindings {
	const own = Object.fromEntries(ROOM_FINDINGS.map((finding) => [finding, [] as string[]]));
	return { ...noFindings(), ...own } as RoomFindings;
}
