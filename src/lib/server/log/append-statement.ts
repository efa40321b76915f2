import { arrayLiteral } from '../database/array-literal.ts';
import type { AcceptedEvent } from './accept.ts';

/** Also what a server of an earlier version sends. */
const APPEND =
	'SELECT ids::text, appended::text FROM logline_append($1::uuid, $2::text[], $3::text[], $4::text[]::jsonb[], $5::text[])';
const APPEND_FENCED = APPEND.replace(
	'$5::text[]',
	'$5::text[], NULL, $6::text[], $7::text[]::bigint[]'
);

/**
 * Returns the statement that appends a batch. Only a batch with a producer has columns for producers.
 *
 * @param batch key of the batch
 */
export function appendStatement(
	batch: string,
	events: readonly AcceptedEvent[]
): [text: string, parameters: (string | null)[]] {
	const column = (pick: (event: AcceptedEvent) => string | null) => arrayLiteral(events.map(pick));
	const keyed = events.some(({ key }) => key !== null);
	const parameters = [
		batch,
		column(({ topic }) => topic),
		column(({ userId }) => userId),
		column(({ data }) => data),
		keyed ? column(({ key }) => key) : null
	];
	if (!events.some(({ producer }) => producer)) return [APPEND, parameters];
	return [
		APPEND_FENCED,
		[
			...parameters,
			column(({ producer }) => producer?.name ?? null),
			column(({ producer }) => producer?.epoch.toString() ?? null)
		]
	];
}
