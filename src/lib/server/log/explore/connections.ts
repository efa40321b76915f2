import { Lanes } from '../../database/lanes.ts';

/**
 * Opens the connection for searches. It is apart from those of streams, which a slow search must not delay. It is one, because
 * a process has few; `Turns` shares it between users.
 */
export const openExplorer = (url: string, settings: Record<string, string>): Lanes =>
	new Lanes(url, {
		name: 'explorer',
		size: 1,
		// Postgres ends a statement after three seconds.
		answerMs: 3750,
		waitMs: 5000,
		maxWaiting: 100,
		forRequests: true,
		settings
	});
