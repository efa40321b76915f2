/** A line of the log that anybody may see. */
export interface PublicLine {
	/** Id of the event. */
	id: string;
	topic: string;
	/** When it was written: ISO 8601. */
	at: string;
	tone: Tone;
	text: string;
}

/** How a line is coloured. */
export type Tone = 'muted' | 'info' | 'success' | 'warning' | 'danger';

/** How many lines are shown: the newest. */
export const LINES = 8;

/** Characters of a line. The page shows one row of them. */
const MAX_TEXT = 160;

/** Type of a notification, or level of a log line → its colour. */
const TONES: Readonly<Record<string, Tone>> = {
	debug: 'muted',
	info: 'info',
	success: 'success',
	warn: 'warning',
	warning: 'warning',
	error: 'danger'
};

/**
 * Returns an event as a line. Any SQL client may publish, so nothing is known about the data: what is no text is left out.
 *
 * @param json data of the event as JSON; null: it cannot be sent
 */
export function toPublicLine(
	event: { id: string; topic: string; createdAt: string },
	json: string | null
): PublicLine {
	const data: unknown = json === null ? null : JSON.parse(json);
	const field = (name: string): string => {
		const value = (data as Record<string, unknown> | null)?.[name];
		return typeof value === 'string' ? value : '';
	};
	const source = field('source');
	const text = `${source && `${source}: `}${field('message')}`;
	const kind = field('type') || field('level');
	const tone = Object.hasOwn(TONES, kind) ? TONES[kind]! : 'muted';
	const { id, topic, createdAt: at } = event;
	return { id, topic, at, tone, text: text.slice(0, MAX_TEXT) };
}
