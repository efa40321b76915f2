/**
 * The story's SQL. Each function is one statement that moves `story_progress` and writes the passed lines to `outbox`: both
 * or neither. So each line is emitted once, even with several processes and crashes. When the result of a statement is lost,
 * nothing must be repaired: the table has the current step.
 */
import type { Queryable } from 'logline/server';
import { arrayLiteral } from 'logline/postgres';
import type { Script } from './script.ts';

/** The script as parameters of the statements. Times are in milliseconds of real time. */
export interface PreparedScript {
	/** Number of nodes. */
	length: number;
	/** JSON array of {step, topic, data, delay}; delay null: the story stops there. */
	nodes: string;
	/** JSON array of {step, text}. */
	prompts: string;
}

/**
 * Prepares a script for a speed.
 *
 * @param speed 1: as written; 2: twice as fast
 */
export function prepareScript(script: Script, speed: number): PreparedScript {
	const nodes = script.map((node, step) => {
		switch (node.type) {
			case 'npc':
				return {
					step,
					topic: 'message',
					data: { sender: node.name, text: node.text },
					delay: node.delay / speed
				};
			case 'prompt':
				return { step, topic: 'prompt', data: { sender: 'System', text: node.text }, delay: null };
			case 'end':
				return {
					step,
					topic: 'end',
					data: { sender: node.name ?? 'Narrator', text: node.text },
					delay: null
				};
		}
	});
	const prompts = script.flatMap((node, step) =>
		node.type === 'prompt' ? [{ step, text: node.text }] : []
	);
	return { length: script.length, nodes: JSON.stringify(nodes), prompts: JSON.stringify(prompts) };
}

/** Begins the story of each user who has none. Users that no longer exist are skipped. */
export async function beginStories(
	connection: Queryable,
	userIds: readonly string[]
): Promise<void> {
	// In order of id: two processes that begin the same stories then lock them in the same order, without a deadlock.
	await connection.query(
		`INSERT INTO story_progress (user_id, due_at)
		SELECT id, now() FROM users WHERE id = ANY ($1::text[]) ORDER BY id
		ON CONFLICT (user_id) DO NOTHING`,
		[arrayLiteral(userIds)]
	);
}

/**
 * Moves every due story one step.
 *
 * A node is due relative to the time when its predecessor was due, not to the time when it was processed. So stories do not
 * drift. A story that is more than a second late (no process ran) continues from now, so that its lines do not come all at
 * once.
 *
 * @param limit maximum number of stories
 * @returns how many moved
 */
export async function advanceStories(
	connection: Queryable,
	script: PreparedScript,
	limit: number
): Promise<number> {
	// SKIP LOCKED: do not wait for rows that another process is moving. The UPDATE repeats the conditions, because a row may
	// have changed between the snapshot and the lock. Then `step` does not match any more.
	const moved = await connection.query(
		`WITH script AS MATERIALIZED (
			SELECT * FROM jsonb_to_recordset($1::text::jsonb)
				AS node(step int, topic text, data jsonb, delay float8)
		), due AS MATERIALIZED (
			SELECT user_id FROM story_progress
			WHERE due_at <= now() AND step < $2::int
			ORDER BY due_at LIMIT $3::int
			FOR UPDATE SKIP LOCKED
		), moved AS (
			UPDATE story_progress AS progress
			SET step = CASE WHEN script.delay IS NULL THEN progress.step ELSE progress.step + 1 END,
				due_at = CASE WHEN progress.due_at < now() - interval '1 second' THEN now() ELSE progress.due_at END
					+ script.delay * interval '1 millisecond'
			FROM due, script
			WHERE progress.user_id = due.user_id AND progress.step = script.step AND progress.due_at <= now()
			RETURNING progress.user_id, script.topic,
				jsonb_build_object('id', progress.run || '.' || script.step) || script.data AS data
		)
		INSERT INTO outbox (topic, user_id, data) SELECT topic, user_id, data FROM moved
		RETURNING user_id`,
		[script.nodes, script.length, limit]
	);
	return moved.length;
}

/**
 * Returns how long until a story is due.
 *
 * @returns milliseconds, negative when it is late; null when none is due unless a player acts
 */
export async function untilNextDue(
	connection: Queryable,
	script: PreparedScript
): Promise<number | null> {
	const [next] = await connection.query<{ ms: number }>(
		`SELECT extract(epoch FROM due_at - clock_timestamp())::float8 * 1000 AS ms FROM story_progress
		WHERE due_at IS NOT NULL AND step < $1::int ORDER BY due_at LIMIT 1`,
		[script.length]
	);
	return next?.ms ?? null;
}

/**
 * Says the player's line of the open prompt.
 *
 * @param delay milliseconds until the story continues
 * @returns false when no prompt is open; nothing has changed then
 */
export async function answerPrompt(
	connection: Queryable,
	script: PreparedScript,
	player: { id: string; name: string },
	delay: number
): Promise<boolean> {
	// `due_at IS NULL` means: at a prompt that has been emitted. If two requests come at once, the second waits for the row
	// and then finds that the step has passed.
	const moved = await connection.query(
		`WITH prompts AS MATERIALIZED (
			SELECT * FROM jsonb_to_recordset($1::text::jsonb) AS prompt(step int, text text)
		), moved AS (
			UPDATE story_progress AS progress
			SET step = progress.step + 1, due_at = now() + $4::float8 * interval '1 millisecond'
			FROM prompts
			WHERE progress.user_id = $2 AND progress.step = prompts.step AND progress.due_at IS NULL
			RETURNING progress.user_id, jsonb_build_object(
				'id', progress.run || '.' || prompts.step || '.me',
				'sender', $3::text, 'text', prompts.text, 'isMe', true) AS data
		)
		INSERT INTO outbox (topic, user_id, data) SELECT 'message', user_id, data FROM moved
		RETURNING user_id`,
		[script.prompts, player.id, player.name, delay]
	);
	return moved.length > 0;
}

/** Restarts a user's story, due now, whether it had begun or not. The event says where the story was: see {@link undoRestart}. */
export async function restartStory(connection: Queryable, userId: string): Promise<void> {
	// A row that this statement has changed is not read any more: so `before` is read first.
	await connection.query(
		`WITH before AS MATERIALIZED (
			SELECT step, due_at IS NULL AS waits FROM story_progress WHERE user_id = $1 FOR UPDATE
		), moved AS (
			INSERT INTO story_progress AS progress (user_id, run, due_at)
			SELECT $1, 1, now() FROM (SELECT count(*) FROM before) AS read_first
			ON CONFLICT (user_id) DO UPDATE SET run = progress.run + 1, step = 0, due_at = now()
			RETURNING user_id, run
		)
		INSERT INTO outbox (topic, user_id, data)
		SELECT 'reset', user_id, jsonb_strip_nulls(jsonb_build_object('id', run || '.reset', 'left', to_jsonb(before)))
		FROM moved LEFT JOIN before ON true`,
		[userId]
	);
}

/**
 * Takes the last restart of a user back, if it is in the log and nothing was restarted since: the story goes on where it was. It
 * is a new run, so that no id of a line is used twice.
 *
 * @returns false when there is nothing to take back; nothing has changed then
 */
export async function undoRestart(
	connection: Queryable,
	script: PreparedScript,
	userId: string
): Promise<boolean> {
	const moved = await connection.query(
		`WITH last AS MATERIALIZED (
			SELECT data->>'id' AS id, (data->'left'->>'step')::int AS step, (data->'left'->>'waits')::boolean AS waits
			FROM events WHERE coalesce(user_id, '') = ANY (ARRAY[$1::text]) AND topic = 'reset'
			ORDER BY coalesce(user_id, '') DESC, id DESC LIMIT 1
		), moved AS (
			UPDATE story_progress AS progress
			SET run = progress.run + 1, step = last.step, due_at = CASE WHEN last.waits THEN NULL ELSE now() END
			FROM last
			WHERE progress.user_id = $1 AND last.id = progress.run || '.reset'
				AND last.step BETWEEN 0 AND $2::int - 1 AND last.waits IS NOT NULL
			RETURNING progress.user_id, progress.run
		)
		INSERT INTO outbox (topic, user_id, data)
		SELECT 'reset', user_id, jsonb_build_object('id', run || '.undo', 'undo', true) FROM moved
		RETURNING user_id`,
		[userId, script.length]
	);
	return moved.length > 0;
}
