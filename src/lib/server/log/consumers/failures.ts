import { arrayLiteral } from '../../database/array-literal.ts';
import type { Queryable } from '../../database/queryable.ts';
import { literal, lostTransaction, nameIn, runIn } from '../transaction.ts';
import type { Transaction } from '../types.ts';
import type { Event } from './types.ts';

/** An open transaction that holds the rows of a consumer. */
export interface Held<Tx extends Transaction> {
	tx: Tx;
	/** Id of the transaction, by which its later statements know that it still is one. */
	xact: string;
	/** The log's schema. */
	schema: string;
	/** Name of the consumer. */
	name: string;
}

/** An attempt that was counted and is still to be made. */
export interface Claim {
	id: bigint;
	topic: string;
	/** With this one. */
	attempts: number;
	error: string;
}

/** When an event is tried again. */
export interface Patience {
	attempts: number;
	backOffMs: number;
}

/** Longest text of an error that is stored, in characters. */
const MAX_ERROR = 2000;

/** SQL: true while the statement runs in the transaction that has locked the consumer. */
export const stillIn = ({ xact }: { xact: string }) =>
	`pg_current_xact_id_if_assigned() = ${literal(xact)}::xid8`;

/** Pause after an attempt, in milliseconds. */
const pauseAfter = (attempts: number, { backOffMs }: Patience) =>
	backOffMs * 2 ** Math.min(attempts - 1, 20);

/** Returns the text of an error, as far as Postgres can store it. */
export function textOf(error: unknown): string {
	const cause =
		error instanceof Error && error.cause !== undefined ? `: ${textOf(error.cause)}` : '';
	const text = `${String(error)}${cause}`.replaceAll('\0', '').replace(/\p{Surrogate}/gu, '');
	return text.slice(0, MAX_ERROR) || 'an error without a text';
}

/**
 * Notes in the transaction that an event has failed: it is tried again later, or has been tried often enough. Of an event that
 * was deleted while the handler ran, nothing is kept: its user may have been forgotten, and the error may name the user.
 *
 * @returns true when it was set aside for good; null: it was deleted
 */
export async function noteFailure<Tx extends Transaction>(
	held: Held<Tx>,
	event: Pick<Event, 'id' | 'topic'>,
	failure: { error: string; attempts: number },
	patience: Patience
): Promise<boolean | null> {
	const { schema, name } = held;
	const { error, attempts } = failure;
	const row = `${literal(name)}::text, e.id, e.topic`;
	const last = attempts >= patience.attempts;
	const [noted] = await must<Tx, { kept: boolean }>(
		held,
		`WITH one AS (SELECT 1 AS one WHERE ${stillIn(held)}),
			e AS (SELECT id, topic, user_id, data, created_at FROM one, ${nameIn(schema, 'events')} AS event WHERE ${isIt(event)}),
			gone AS (${deleteFailure(held, event, last ? '' : 'AND NOT EXISTS (SELECT FROM e)')}),
			noted AS (${
				last
					? `INSERT INTO ${nameIn(schema, 'dead_letters')} (consumer, event_id, topic, user_id, data, created_at, error)
				SELECT ${row}, e.user_id, e.data, e.created_at, ${literal(error)} FROM e`
					: `INSERT INTO ${nameIn(schema, 'consumer_failures')} (name, event_id, topic, attempts, next_at, error)
				SELECT ${row}, ${attempts}, clock_timestamp() + ${pauseAfter(attempts, patience)} * interval '1 millisecond', ${literal(error)} FROM e
				ON CONFLICT (name, event_id) DO UPDATE SET topic = excluded.topic, attempts = excluded.attempts,
					next_at = excluded.next_at, error = excluded.error`
			})
		SELECT EXISTS (SELECT FROM e) AS kept FROM one`
	);
	return noted!.kept ? last : null;
}

/**
 * Sets a failed event aside that is no longer there. What the handler said of it goes with it: nobody knows any more whose
 * event it was, so no call would find the text.
 */
export async function noteTrimmed<Tx extends Transaction>(
	held: Held<Tx>,
	claim: Claim,
	error: string
): Promise<void> {
	await must(
		held,
		`WITH one AS (SELECT 1 AS one WHERE ${stillIn(held)}),
			gone AS (${deleteFailure(held, claim)})
		INSERT INTO ${nameIn(held.schema, 'dead_letters')} (consumer, event_id, topic, data, created_at, error)
		SELECT ${literal(held.name)}, ${claim.id}, ${literal(claim.topic)}, 'null', now(), ${literal(error)} FROM one RETURNING 1`
	);
}

/** SQL: after the log was replaced, another event may have the id. */
const isIt = ({ id, topic }: Pick<Event, 'id' | 'topic'>) =>
	`id = ${id}::bigint AND topic = ${literal(topic)}`;

/** SQL: deletes the failure of an event. */
const deleteFailure = <Tx extends Transaction>(
	{ schema, name }: Held<Tx>,
	{ id }: Pick<Event, 'id'>,
	condition = ''
) =>
	`DELETE FROM ${nameIn(schema, 'consumer_failures')} USING one WHERE name = ${literal(name)} AND event_id = ${id}::bigint ${condition}`;

/** Notes in the transaction that a failed event was handled at last. */
export async function noteSuccess<Tx extends Transaction>(
	held: Held<Tx>,
	{ id, attempts }: Claim
): Promise<void> {
	await must(
		held,
		`DELETE FROM ${nameIn(held.schema, 'consumer_failures')}
		WHERE name = ${literal(held.name)} AND event_id = ${id} AND attempts = ${attempts} AND ${stillIn(held)} RETURNING 1`
	);
}

/** Runs a statement that returns rows if the transaction is still one. */
async function must<Tx extends Transaction, Row>(
	{ tx }: Held<Tx>,
	statement: string
): Promise<Row[]> {
	const rows = await runIn(tx, statement);
	if (rows.length === 0) throw lostTransaction();
	return rows as Row[];
}

/**
 * Counts the next attempt of a failed event that is due, before it is made. No event is due that the consumer has not passed
 * yet.
 *
 * @returns null: none is due, or another process is at work
 */
export async function claimDue(
	on: Queryable,
	name: string,
	topics: readonly string[],
	{ backOffMs }: Patience
): Promise<Claim | null> {
	const [row] = await on.query<{ id: string; topic: string; attempts: number; error: string }>(
		`WITH mine AS (
			SELECT topic, position FROM consumers WHERE name = $1 AND topic = ANY ($2::text[]) FOR UPDATE SKIP LOCKED
		), due AS (
			SELECT f.event_id FROM consumer_failures AS f WHERE f.name = $1 AND f.next_at <= clock_timestamp()
				AND EXISTS (SELECT FROM mine WHERE mine.position >= f.event_id AND logline_consumes(mine.topic, f.topic))
				AND (SELECT count(*) FROM mine) = cardinality($2::text[])
			ORDER BY f.next_at LIMIT 1 FOR UPDATE OF f SKIP LOCKED
		)
		UPDATE consumer_failures AS f SET attempts = f.attempts + 1,
			next_at = clock_timestamp() + $3::float8 * 2 ^ least(f.attempts, 20) * interval '1 millisecond'
		FROM due WHERE f.name = $1 AND f.event_id = due.event_id
		RETURNING f.event_id::text AS id, f.topic, f.attempts, f.error`,
		[name, arrayLiteral(topics), backOffMs]
	);
	return row ? { ...row, id: BigInt(row.id) } : null;
}

/** Takes back an attempt that was counted and not made, or that failed without a fault of its event. It is due at once. */
export async function unclaim(on: Queryable, name: string, { id, attempts }: Claim): Promise<void> {
	await on.query(
		`UPDATE consumer_failures SET attempts = attempts - 1, next_at = clock_timestamp()
		WHERE name = $1 AND event_id = $2::bigint AND attempts = $3`,
		[name, id.toString(), attempts]
	);
}

/** Notes why an attempt failed that was rolled back with its transaction. */
export async function noteError(
	on: Queryable,
	name: string,
	{ id, attempts }: Claim,
	error: string
): Promise<void> {
	await on.query(
		'UPDATE consumer_failures SET error = $4 WHERE name = $1 AND event_id = $2::bigint AND attempts = $3',
		[name, id.toString(), attempts, error]
	);
}
