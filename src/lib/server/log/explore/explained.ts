import type { Queryable } from '../../database/queryable.ts';

/** A gate on the way of an event to a user, as `logline_explain` tells of it. */
export interface Gate {
	/** retained, declared, audience, access, history, access then, stream */
	gate: string;
	/** null: the database cannot know. */
	passes: boolean | null;
	/** In words, for the user alone: they name no server and no client. Whoever may read the tables asks `logline_explain`. */
	why: string;
}

/**
 * Asks the database why a user does or does not get an event. The database also names the servers and clients of the user's
 * streams, and how long ago they were seen. That is for operators, so it is replaced here.
 */
export async function readExplained(on: Queryable, id: bigint, userId: string): Promise<Gate[]> {
	const gates = await on.query<Gate & { none: boolean }>(
		`SELECT gate, passes, why, why LIKE 'No open stream %' AS none FROM logline_explain($1::bigint, $2::text)`,
		[id.toString(), userId]
	);
	return gates.map(({ gate, passes, why, none }) => ({
		gate,
		passes,
		why: gate === 'stream' && !none ? aboutStream(passes) : why
	}));
}

const aboutStream = (passes: boolean | null) =>
	passes
		? 'An open stream of the user has got it.'
		: 'An open stream of the user has not got as far yet.';
