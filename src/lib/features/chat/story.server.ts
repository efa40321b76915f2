/**
 * The story engine: one in every process, all of them working on one table.
 */
import { LoglineError } from '$lib/protocol';
import type { Viewer } from '$lib/protocol';
import type { App } from '$lib/server/app.ts';
import { queryable } from '$lib/server/database/client.ts';
import { SoleConnection } from '$lib/server/database/sole-connection.ts';
import { startLoop } from '$lib/server/loop.ts';
import {
	advanceStories,
	answerPrompt,
	beginStories,
	prepareScript,
	restartStory,
	untilNextDue
} from './progress.server.ts';
import type { Script } from './script.ts';

/** Stories one statement moves. */
const BATCH = 200;
/** Longest time, in milliseconds, until we notice what another process has made due. */
const POLL = 1000;
/** Pause, in milliseconds, when all that is due is just being moved by another process. */
const YIELD = 20;
/** Time, in milliseconds, between the player's line and the answer. */
const ANSWER_DELAY = 900;
/** Users we know to have a story, so that reconnecting costs no SQL; forgetting one costs one statement. */
const MAX_KNOWN = 20_000;

/** The story of this process's users. */
export interface Story {
	/**
	 * Says the player's line at the open prompt, and lets the story go on.
	 *
	 * @throws LoglineError `not_waiting` (409) when no prompt is open; nothing has changed then.
	 */
	sendPrompt(viewer: Viewer): Promise<void>;
	/** Begins the story again, wherever it is. What was said stays in the log; a `reset` event tells readers to start over. */
	reset(viewer: Viewer): Promise<void>;
	/** Ends the engine after the statement under way. */
	stop(): Promise<void>;
}

type StoryApp = Pick<App, 'database' | 'logger' | 'kickOutbox' | 'onSubscribe'>;

/**
 * Starts the engine. A user's story begins when they first subscribe to `message`, and goes on in whatever process runs.
 *
 * @param options.speed 1 as the script is written, 10 ten times as fast
 */
export function createStory(options: { app: StoryApp; script: Script; speed?: number }): Story {
	const { app, speed = 1 } = options;
	const pool = queryable(app.database.sql);
	// A loop that waits for a connection that has died in silence would tell no story ever again.
	const connection = new SoleConnection(app.database.url, { name: 'story' });
	const script = prepareScript(options.script, speed);
	/** Users who subscribed and may not have a story yet. A user is known, or about to begin, or neither. */
	const beginning = new Set<string>();
	const known = new Set<string>();

	async function begin(): Promise<void> {
		if (beginning.size === 0) return;
		const userIds = [...beginning];
		await beginStories(connection, userIds);
		for (const userId of userIds) {
			beginning.delete(userId);
			if (known.size >= MAX_KNOWN) known.clear();
			known.add(userId);
		}
	}

	async function round(): Promise<number> {
		await begin();
		const wait = await untilNextDue(connection, script);
		if (wait === null || wait > 0) return Math.min(wait ?? POLL, POLL);
		const moved = await advanceStories(connection, script, BATCH);
		if (moved === 0) return YIELD;
		app.kickOutbox();
		return 0;
	}

	const loop = startLoop({ name: 'story', logger: app.logger, round });
	const stopListening = app.onSubscribe((viewer, topics) => {
		if (!topics.includes('message') || known.has(viewer.userId)) return;
		// Beyond the bound the user's next reconnect begins it.
		if (beginning.size >= MAX_KNOWN) return;
		beginning.add(viewer.userId);
		loop.wake();
	});

	return {
		async sendPrompt(viewer) {
			if (!(await answerPrompt(pool, script, viewer, ANSWER_DELAY / speed))) {
				throw new LoglineError(
					'not_waiting',
					'The story is not waiting for you. Wait for the next prompt.',
					409
				);
			}
			app.kickOutbox();
			loop.wake();
		},
		async reset(viewer) {
			await restartStory(pool, viewer.userId);
			app.kickOutbox();
			loop.wake();
		},
		async stop() {
			stopListening();
			await loop.stop();
			await connection.end();
		}
	};
}
