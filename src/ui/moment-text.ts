/** Texts for times. Invalid input (any SQL client may publish) gives a dash, never an exception. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const UNKNOWN = '–';

/**
 * Returns the time of day in UTC, `hh:mm:ss`. It is the same on server and browser, so hydration finds the rendered text.
 */
export function utcClock(iso: string): string {
	const date = new Date(iso);
	return Number.isNaN(date.getTime()) ? UNKNOWN : date.toISOString().slice(11, 19);
}

/** Returns the reader's local time of day, 24 hours. It includes the date when that is not today. */
export function localClock(iso: string, now: number): string {
	const date = new Date(iso);
	if (Number.isNaN(date.getTime())) return UNKNOWN;
	const time = date.toLocaleTimeString('en-GB');
	return date.toDateString() === new Date(now).toDateString()
		? time
		: `${localDay(date)} ${time.slice(0, 5)}`;
}

/** Returns date and time in UTC, `yyyy-mm-dd hh:mm UTC`. It is the same on server and browser. */
export function utcDate(iso: string): string {
	const date = new Date(iso);
	if (Number.isNaN(date.getTime())) return UNKNOWN;
	return `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** Returns the reader's local date and time, `1 Mar 2025, 11:00`. */
export function localDate(iso: string): string {
	const date = new Date(iso);
	if (Number.isNaN(date.getTime())) return UNKNOWN;
	return date.toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
}

/**
 * Returns how long ago a time is, in short form.
 *
 * @param now milliseconds since 1970
 */
export function ago(iso: string, now: number): string {
	const date = new Date(iso);
	const age = now - date.getTime();
	if (Number.isNaN(age)) return UNKNOWN;
	if (age < MINUTE / 6) return 'now';
	if (age < MINUTE) return `${Math.floor(age / 10_000) * 10} s`;
	if (age < HOUR) return `${Math.floor(age / MINUTE)} min`;
	if (age < DAY) return `${Math.floor(age / HOUR)} h`;
	return localDay(date);
}

/** Returns the full date and time, for a tooltip. */
export function inFull(iso: string): string | undefined {
	const date = new Date(iso);
	if (Number.isNaN(date.getTime())) return undefined;
	return date.toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'long' });
}

function localDay(date: Date): string {
	return date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' });
}
