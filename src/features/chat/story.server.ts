/** The story engine. Each process runs one, and all work on one table. */
import { LoglineError } from 'logline';
import type { Viewer } from 'logline';
import type { User } from '$src/accounts/user.ts';
import type { App } from '$src/app/app.ts';
import { startLoop, type Logline } from 'logline/server';
import {
	advanceStories,
	answerPrompt,
	beginStories,
	prepareScript,
	restartStory,
	undoRestart,
	untilNextDue
} from './progress.server.ts';
import type { Script } from './script.ts';

/** How many stories one statement moves. */
const BATCH = 200;
/** Longest time until a change made by another process is noticed, in milliseconds. */
const POLL = 1000;
/** Pause while another process is moving everything that is due, in milliseconds. */
const YIELD = 20;
/** Time between the player's line and the answer, in milliseconds. */
const ANSWER_DELAY = 900;
/**
 * Limit of the users known to have a story. For a known user, a reconnect costs no SQL. Forgetting a user costs one
 * statement.
 */
const MAX_KNOWN = 20_000;

/** The story of this process's users. */
export interface Story {
	/**
	 * Says the player's line at the open prompt and continues the story.
	 *
	 * @throws LoglineError `not_waiting` (409) when no prompt is open; nothing has changed then
	 */
	sendPrompt(player: User): Promise<void>;
	/** Restarts the story. The lines stay in the log; a `reset` event tells readers to start over. */
	reset(viewer: Viewer): Promise<void>;
	/**
	 * Takes the last reset back: the story goes on where it was.
	 *
	 * @throws LoglineError `nothing_to_undo` (409) when the last reset was taken back already, or is not in the log yet
	 */
	undoReset(viewer: Viewer): Promise<void>;
	/** Ends the engine after the running statement. */
	stop(): Promise<void>;
}

type StoryApp = Pick<App, 'database' | 'logger'> & {
	logline: Pick<Logline, 'kickOutbox' | 'onSubscribe'>;
};

/**
 * Starts the engine. A user's story begins when the user first subscribes to `message`. It continues in any process.
 *
 * @param options.speed 1: as written; 10: ten times as fast
 */
export function createStory(options: { app: StoryApp; script: Script; speed?: number }): Story {
	const { app, speed = 1 } = options;
	const { pool, background: connection } = app.database;
	const script = prepareScript(options.script, speed);
	/** Users who subscribed and may not have a story yet. A user is in `known` or in `beginning`, or in neither. */
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
		app.logline.kickOutbox();
		return 0;
	}

	const loop = startLoop({ name: 'story', logger: app.logger, round });
	const stopListening = app.logline.onSubscribe((viewer, topics) => {
		if (!topics.includes('message') || known.has(viewer.id)) return;
		// Above the limit, the user's next reconnect begins the story.
		if (beginning.size >= MAX_KNOWN) return;
		beginning.add(viewer.id);
		loop.wake();
	});

	return {
		async sendPrompt(player) {
			if (!(await answerPrompt(pool, script, player, ANSWER_DELAY / speed))) {
				throw new LoglineError(
					'not_waiting',
					'The story is not waiting for you. Wait for the next prompt.',
					409
				);
			}
			app.logline.kickOutbox();
			loop.wake();
		},
		async reset(viewer) {
			await restartStory(pool, viewer.id);
			app.logline.kickOutbox();
			loop.wake();
		},
		async undoReset(viewer) {
			if (!(await undoRestart(pool, script, viewer.id))) {
				throw new LoglineError('nothing_to_undo', 'There is no reset to take back.', 409);
			}
			app.logline.kickOutbox();
			loop.wake();
		},
		async stop() {
			stopListening();
			await loop.stop();
		}
	};
}
