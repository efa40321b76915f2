import type { Queryable } from '../../database/queryable.ts';

/** A gate on the way of an event to a user, as `logline_explain` tells of it. */
export interface Gate {
	/** retained, declared, audience, access, history, access then, stream */
	gate: string;
	/** null: the database cannot know. */
	passes: boolean | null;
	/** In words. Not for the user alone: it names servers and clients. */
	why: string;
}

/** Asks the database why a user does or does not get an event. */
export const readExplained = (on: Queryable, id: bigint, userId: string): Promise<Gate[]> =>
	on.query<Gate>('SELECT gate, passes, why FROM logline_explain($1::bigint, $2::text)', [
		id.toString(),
		userId
	]);
