import { Lanes } from '../../database/lanes.ts';

/**
 * Opens the connections for searches: two, so that a list and its counts are read at the same time. They are apart from those
 * of streams, which a slow search must not delay.
 */
export const openExplorer = (url: string, settings: Record<string, string>): Lanes =>
	new Lanes(url, {
		name: 'explorer',
		size: 2,
		// Postgres ends a statement after three seconds.
		answerMs: 3750,
		waitMs: 5000,
		maxWaiting: 100,
		forRequests: true,
		settings
	});
