import type { Topic } from '../../../protocol/index.ts';
import { arrayLiteral } from '../../database/array-literal.ts';
import type { Queryable } from '../../database/queryable.ts';
import { listed, readPageOf, type ListedRow } from '../page.ts';
import type { PageSize } from '../page-size.ts';
import { endOfBatch } from '../progress.ts';
import { TIMES, timeOf, type Times } from '../topics.ts';
import type { ConsumedTopics } from './consumed-topics.ts';
import type { ConsumedEvent, ConsumerGap, Event, Seen } from './types.ts';

/** The next events of a consumer. */
export interface ConsumedPage {
	events: Event[];
	/** Id up to which the page is complete. */
	upto: bigint;
}

type Row = ListedRow & Times;

/**
 * Reads the next events of a consumer in id order, of all users. It looks at a bounded part of the log, because no index has
 * the events of a topic of all users together.
 *
 * @param head newest committed id
 */
export async function readConsumed(
	on: Queryable,
	topics: ConsumedTopics,
	seen: readonly Seen[],
	{ head, size }: { head: bigint; size: PageSize }
): Promise<ConsumedPage> {
	const after = seen.reduce((least, { position }) => (position < least ? position : least), head);
	const end = await endOfBatch(on, after, head);
	const page = await readPageOf<Row>(on, size, ({ rows, inline }) =>
		on.query<Row>(
			`SELECT ${listed('$3')}, ${TIMES} FROM events
			WHERE id > $4::bigint AND id <= $1::bigint AND EXISTS (
				SELECT FROM unnest($5::text[], $6::bigint[]) AS own(topic, position)
				WHERE events.id > own.position AND logline_consumes(own.topic, events.topic)
			)
			ORDER BY events.id LIMIT $2::int`,
			[
				end.toString(),
				rows,
				inline,
				after.toString(),
				arrayLiteral(seen.map(({ topic }) => topic)),
				`{${seen.map(({ position }) => position).join(',')}}`
			]
		)
	);
	const upto = page.more && page.last !== null ? page.last : end;
	return { events: page.rows.map((row) => toEvent(row, topics)), upto };
}

/** Reads one event; null: it was trimmed, or the log was replaced, and another event has its id. */
export async function readConsumedEvent(
	on: Queryable,
	topics: ConsumedTopics,
	{ id, topic }: Pick<Event, 'id' | 'topic'>,
	size: PageSize
): Promise<Event | null> {
	const { rows } = await readPageOf<Row>(on, size, ({ inline }) =>
		on.query<Row>(
			`SELECT ${listed('$2')}, ${TIMES} FROM events WHERE id = $1::bigint AND topic = $3`,
			[id.toString(), inline, topic]
		)
	);
	return rows[0] ? toEvent(rows[0], topics) : null;
}

/**
 * Reads which topics have lost events that the consumer has not read. Call it after a page was read: the horizon moves before
 * a trim.
 *
 * @returns the topics with their horizons
 */
export async function readMissed(
	on: Queryable,
	seen: readonly Seen[]
): Promise<{ topic: string; horizon: bigint }[]> {
	const rows = await on.query<{ topic: string; horizon: string }>(
		`SELECT own.topic, max(h.horizon)::text AS horizon FROM unnest($1::text[], $2::bigint[]) AS own(topic, position)
		JOIN topic_horizons AS h ON h.horizon > own.position AND logline_consumes(own.topic, h.topic)
		GROUP BY own.topic`,
		[
			arrayLiteral(seen.map(({ topic }) => topic)),
			`{${seen.map(({ position }) => position).join(',')}}`
		]
	);
	return rows.map(({ topic, horizon }) => ({ topic, horizon: BigInt(horizon) }));
}

/** Returns what a consumer is told of a gap. */
export function gapOf(
	topics: ConsumedTopics,
	{ topic, position }: Seen,
	events: readonly Event[]
): ConsumerGap {
	const next = events.find((event) => event.id > position && topics.nameOf(event.topic) === topic);
	return { topic, after: position.toString(), oldest: next?.id.toString() ?? null };
}

function toEvent(row: Row, topics: ConsumedTopics): Event {
	const given = {
		id: row.id,
		topic: row.topic,
		params: topics.find(row.topic) ?? {},
		userID: row.user_id,
		data: row.data === null ? null : (JSON.parse(row.data) as unknown),
		at: timeOf(row)
	};
	return {
		id: BigInt(row.id),
		topic: row.topic,
		hasData: row.data !== null,
		given: given as unknown as ConsumedEvent<Topic>
	};
}
