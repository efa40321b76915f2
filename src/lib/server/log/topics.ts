import { arrayLiteral } from '../database/array-literal.ts';
import { manyTopics, shareOf } from './many-topics.ts';
import { listed, type ListedRow } from './page.ts';
import { EVERYONE, topicRange } from './topic-range.ts';

/** One topic of a replay: every event after `after`. */
export interface TopicStart {
	topic: string;
	after: bigint;
}

/** Columns that say when an event was written. */
export interface Times {
	/** Milliseconds since 1970. */
	created: number;
	/** As Postgres prints it. */
	created_text: string;
}

/** SQL: the columns of {@link Times}. */
export const TIMES =
	'(extract(epoch FROM created_at) * 1000)::float8 AS created, created_at::text AS created_text';

/** ISO 8601, or the text of Postgres: `Date` ends in the year 275760, but Postgres does not. */
export function timeOf({ created, created_text }: Times): string {
	const date = new Date(created);
	return Number.isNaN(date.getTime()) ? created_text : date.toISOString();
}

/** What a user may see: of each topic the events after its start, up to `to`, in id order over all topics. */
export interface TopicsQuery {
	/** null: only events for everyone */
	userId: string | null;
	/** Each topic once. */
	starts: readonly TopicStart[];
	/** End of the read. */
	to: bigint;
	/** true: the rows also have the columns of {@link Times} */
	times?: boolean;
}

/** A row of several topics. */
export interface TopicsRow extends ListedRow {
	/** See {@link manyTopics}. Without it nothing is known. */
	ahead?: string | null;
}

/** A statement with its parameters. */
type Statement = [text: string, parameters: (string | number | null)[]];

/**
 * Up to so many topics are read by a statement of their own ({@link listFew}). It reads a full page in half the time of {@link
 * manyTopics}. But Postgres plans it for each number of topics, and beginning it takes longer with each topic: from twenty on,
 * longer than the other one.
 */
const FEW = 8;

const COLUMNS = 'id, topic, user_id, size, data';
const LISTED = listed('$3');
const MANY = manyTopics(LISTED, COLUMNS);
const MANY_WITH_TIMES = manyTopics(`${LISTED}, ${TIMES}`, `${COLUMNS}, created_at`);

/**
 * Returns the topics to look at for a page that probably reaches so many ids after the least start. It leaves out those that
 * start beyond, and the page must end where the first of them starts. Of hundreds of topics, few have events at a time.
 */
export function withinReach(
	{ starts, to }: TopicsQuery,
	reach: number
): { near: readonly TopicStart[]; far: readonly TopicStart[]; upto: bigint } {
	const least = starts.reduce((least, { after }) => (after < least ? after : least), to);
	const end = Number(least) + reach;
	if (starts.length <= FEW || end >= Number(to)) return { near: starts, far: [], upto: to };
	const near: TopicStart[] = [];
	const far: TopicStart[] = [];
	let upto = to;
	for (const start of starts) {
		if (start.after <= least || Number(start.after) < end) near.push(start);
		else {
			far.push(start);
			if (start.after < upto) upto = start.after;
		}
	}
	return { near, far, upto };
}

/**
 * Returns the statement that lists a page of {@link TopicsRow}.
 *
 * @param upto the greatest id of the page
 */
export function listTopics(
	query: TopicsQuery,
	upto: bigint,
	limits: { rows: number; inline: number }
): Statement {
	return query.starts.length <= FEW
		? listFew({ ...query, to: upto }, limits)
		: listMany(query, upto, limits);
}

/**
 * Each topic has two ranges: the events for everyone, and the user's own. The ranges are merged: Postgres reads from each range
 * only the rows that are sent, and one more.
 */
function listFew(
	{ userId, starts, to, times = false }: TopicsQuery,
	{ rows, inline }: { rows: number; inline: number }
): Statement {
	const parameters: (string | number | null)[] = [to.toString(), rows, inline];
	const audiences = [EVERYONE];
	if (userId !== null) audiences.push(`$${parameters.push(userId)}`);
	const columns = times ? `${COLUMNS}, created_at` : COLUMNS;
	const ranges: string[] = [];
	for (const start of starts) {
		const topic = `$${parameters.push(start.topic)}`;
		const after = `$${parameters.push(start.after.toString())}`;
		for (const audience of audiences) {
			ranges.push(topicRange({ columns, audience, topic, after, to: '$1', limit: '$2' }));
		}
	}
	return [
		`SELECT ${LISTED}${times ? `, ${TIMES}` : ''} FROM (${ranges.join(' UNION ALL ')}) AS merged ORDER BY merged.id LIMIT $2::int`,
		parameters
	];
}

function listMany(
	{ userId, starts, to, times = false }: TopicsQuery,
	upto: bigint,
	{ rows, inline }: { rows: number; inline: number }
): Statement {
	const audiences = userId === null ? [''] : ['', userId];
	return [
		times ? MANY_WITH_TIMES : MANY,
		[
			to.toString(),
			rows,
			inline,
			arrayLiteral(audiences),
			arrayLiteral(starts.map(({ topic }) => topic)),
			`{${starts.map(({ after }) => after).join(',')}}`,
			upto.toString(),
			shareOf(rows, starts.length * audiences.length)
		]
	];
}

/**
 * Returns where the topics of a page start in the next one.
 *
 * @param found the rows that were listed
 * @param last the id up to which the page is complete
 */
export function startsAfter(
	starts: readonly TopicStart[],
	found: readonly TopicsRow[],
	last: bigint
): TopicStart[] {
	const ahead = found[0]?.ahead;
	if (typeof ahead !== 'string') {
		return starts.map(({ topic, after }) => ({ topic, after: later(after, last) }));
	}
	const next = new Map<string, bigint>();
	const note = (topic: string, id: bigint) => {
		const known = next.get(topic);
		if (known === undefined || id < known) next.set(topic, id);
	};
	for (const [topic, id] of JSON.parse(ahead) as [string, string][]) note(topic, BigInt(id));
	// Rows that were listed but did not fit into the page.
	for (let i = found.length - 1; i >= 0 && BigInt(found[i]!.id) > last; i--) {
		note(found[i]!.topic, BigInt(found[i]!.id));
	}
	return starts.flatMap(({ topic, after }) => {
		const id = next.get(topic);
		return id === undefined ? [] : { topic, after: later(after, later(id - 1n, last)) };
	});
}

const later = (a: bigint, b: bigint): bigint => (a > b ? a : b);
