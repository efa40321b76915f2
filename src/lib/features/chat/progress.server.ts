/**
 * The story's SQL. Each function is one statement that moves `story_progress` and writes what it moved past to `outbox`:
 * both or neither, so a line is emitted once whoever else works at the same story and whatever dies. When an answer is lost
 * there is nothing to repair: the table says how far the story has come.
 */
import type { Queryable } from '$lib/server/database/client.ts';
import type { Script } from './script.ts';

/** The script as the statements take it. Times are in milliseconds of the clock on the wall. */
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
 * @param speed 1 as written, 2 twice as fast
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

/** Begins the story of each user who has none. Users that no longer exist are passed over. */
export async function beginStories(
	connection: Queryable,
	userIds: readonly string[]
): Promise<void> {
	// In order of id, so that two processes that begin the same stories wait for each other in one direction only.
	await connection.query(
		`INSERT INTO story_progress (user_id, due_at)
		SELECT id, now() FROM users WHERE id = ANY ($1::text::bigint[]) ORDER BY id
		ON CONFLICT (user_id) DO NOTHING`,
		[`{${userIds.join()}}`]
	);
}

/**
 * Takes every due story one step on.
 *
 * A node is due from the moment its predecessor was, not from when somebody got round to it, so stories do not drift; one
 * that is more than a second late (nobody ran) starts from now, so that it does not rush.
 *
 * @param limit stories at most
 * @returns how many moved
 */
export async function advanceStories(
	connection: Queryable,
	script: PreparedScript,
	limit: number
): Promise<number> {
	// SKIP LOCKED: what another process is moving right now is not ours to wait for. The conditions stand once more in the
	// UPDATE because a row may have changed between our snapshot and its lock; `step` then no longer finds its node.
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
 * How long until a story is due.
 *
 * @returns milliseconds, negative when it is late; null when none will be unless somebody acts.
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
 * Lets the player say what the open prompt asks for.
 *
 * @param delay milliseconds until the story answers
 * @returns false, and nothing changed, when no prompt is open.
 */
export async function answerPrompt(
	connection: Queryable,
	script: PreparedScript,
	player: { userId: string; username: string },
	delay: number
): Promise<boolean> {
	// due_at IS NULL: at a prompt that has been emitted. Of two that answer at once, the second waits for the row, and then
	// finds that its step has passed.
	const moved = await connection.query(
		`WITH prompts AS MATERIALIZED (
			SELECT * FROM jsonb_to_recordset($1::text::jsonb) AS prompt(step int, text text)
		), moved AS (
			UPDATE story_progress AS progress
			SET step = progress.step + 1, due_at = now() + $4::float8 * interval '1 millisecond'
			FROM prompts
			WHERE progress.user_id = $2::bigint AND progress.step = prompts.step AND progress.due_at IS NULL
			RETURNING progress.user_id, jsonb_build_object(
				'id', progress.run || '.' || prompts.step || '.me',
				'sender', $3::text, 'text', prompts.text, 'isMe', true) AS data
		)
		INSERT INTO outbox (topic, user_id, data) SELECT 'message', user_id, data FROM moved
		RETURNING user_id`,
		[script.prompts, player.userId, player.username, delay]
	);
	return moved.length > 0;
}

/** Puts a user's story back to its beginning, due now, whether it had begun or not. */
export async function restartStory(connection: Queryable, userId: string): Promise<void> {
	await connection.query(
		`WITH moved AS (
			INSERT INTO story_progress AS progress (user_id, run, due_at) VALUES ($1::bigint, 1, now())
			ON CONFLICT (user_id) DO UPDATE SET run = progress.run + 1, step = 0, due_at = now()
			RETURNING user_id, run
		)
		INSERT INTO outbox (topic, user_id, data)
		SELECT 'reset', user_id, jsonb_build_object('id', run || '.reset') FROM moved`,
		[userId]
	);
}
