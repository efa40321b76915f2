/** Times of rows. Invalid input (the log may have a time that no `Date` can hold) is shown as it is. */

/**
 * Returns the time of an event: the time of day with milliseconds, and the day where it is another one than `today`.
 *
 * @param zone the server does not know the reader's zone, so it renders UTC
 */
export function rowTime(iso: string, zone: 'utc' | 'local', today: Date | null): string {
	const date = new Date(iso);
	if (Number.isNaN(date.getTime())) return iso;
	const shifted =
		zone === 'utc' ? date : new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
	const text = shifted.toISOString();
	const time = text.slice(11, 23);
	if (today && date.toDateString() === today.toDateString()) return time;
	return `${text.slice(0, 10)} ${time}`;
}

/** Returns how long after another event this one was written: `+1.2 s`. Times do not always rise with the ids. */
export function elapsed(iso: string, previous: string): string {
	const ms = Date.parse(iso) - Date.parse(previous);
	if (Number.isNaN(ms)) return '';
	const size = Math.abs(ms);
	const sign = ms < 0 ? '−' : '+';
	if (size < 1000) return `${sign}${size} ms`;
	if (size < 60_000) return `${sign}${(size / 1000).toFixed(size < 10_000 ? 1 : 0)} s`;
	if (size < 3_600_000) return `${sign}${Math.floor(size / 60_000)} min`;
	if (size < 86_400_000) return `${sign}${Math.floor(size / 3_600_000)} h`;
	return `${sign}${Math.floor(size / 86_400_000)} d`;
}
