/**
 * `npm run dead-letters`: what the log has set aside. These are rows of `outbox` that it refused, and events that a consumer
 * could not handle.
 */
import { SoleConnection, type Queryable } from 'logline/postgres';
import { migrate } from '../../drizzle/migrate.ts';
import { runCommand, withDatabase } from './run-command.ts';

const HELP = `Shows what the log has set aside: rows of outbox that it refused, and events that a consumer could not handle.

  npm run dead-letters                 lists the newest 100
  npm run dead-letters -- show 7       shows one, with its data and the whole error
  npm run dead-letters -- retry 7      tries it again: a row goes back to outbox, with its key; a consumer gets its event
  npm run dead-letters -- retry all    the same for all of them, oldest first
  npm run dead-letters -- drop 7       deletes it for good`;

/** The usual exit code for an invalid command line. */
const USAGE = 2;

/** A consumer that runs says so at least once an hour, even when it has nothing to do. */
const RAN = `interval '2 hours'`;

/** Rows of the list. */
const LISTED = 100;

interface Letter {
	id: string;
	consumer: string | null;
	event: string | null;
	topic: string;
	error: string;
	at: string;
}

type Wanted = { verb: 'list' } | { verb: 'show' | 'drop' | 'retry'; id: string };

runCommand(async () => {
	const wanted = readArguments(process.argv.slice(2));
	if (!wanted) {
		console.error(HELP);
		return USAGE;
	}
	return withDatabase(async (url) => {
		await migrate(url);
		const on = new SoleConnection(url, { name: 'dead letters', answerMs: 60_000 });
		try {
			return await run(on, wanted);
		} finally {
			await on.end();
		}
	});
});

function readArguments([verb = 'list', id, ...others]: string[]): Wanted | null {
	if (others.length > 0) return null;
	if (verb === 'list') return id === undefined ? { verb } : null;
	if (verb !== 'show' && verb !== 'drop' && verb !== 'retry') return null;
	if (id === undefined || !(/^\d{1,18}$/.test(id) || (verb === 'retry' && id === 'all')))
		return null;
	return { verb, id };
}

async function run(on: Queryable, wanted: Wanted): Promise<number> {
	if (wanted.verb === 'list') return list(on);
	if (wanted.id === 'all') return retryAll(on);
	if (wanted.verb === 'retry') return retry(on, wanted.id);
	return wanted.verb === 'show' ? show(on, wanted.id) : drop(on, wanted.id);
}

async function list(on: Queryable): Promise<number> {
	const letters = await on.query<Letter>(
		`SELECT id::text, consumer, event_id::text AS event, topic, error, set_aside_at::timestamptz(0)::text AS at
		FROM dead_letters ORDER BY dead_letters.id DESC LIMIT ${LISTED + 1}`,
		[]
	);
	for (const letter of letters.slice(0, LISTED).reverse()) console.log(inOneLine(letter));
	if (letters.length > LISTED) console.log(`… and older ones: these are the newest ${LISTED}.`);
	if (letters.length === 0) console.log('Nothing was set aside.');
	return 0;
}

/** A data of somebody else's may have control characters, which a terminal would obey. */
const plain = (text: string) => text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ');

function inOneLine({ id, consumer, event, topic, error, at }: Letter): string {
	const whose = consumer === null ? 'outbox' : `consumer "${consumer}", event ${event}`;
	return plain(`${id}  ${at}  ${whose}  ${topic}  ${error}`).slice(0, 200);
}

async function show(on: Queryable, id: string): Promise<number> {
	const [letter] = await on.query<Record<string, string | null>>(
		`SELECT id::text, consumer, event_id::text AS event, topic, user_id AS "user", key, producer, epoch::text,
			created_at::text AS created, set_aside_at::text AS "set aside", error, data::text
		FROM dead_letters WHERE id = $1::bigint`,
		[id]
	);
	if (!letter) return isMissing(id);
	for (const [name, value] of Object.entries(letter)) {
		if (value !== null) console.log(`${`${name}:`.padEnd(11)} ${plain(value)}`);
	}
	return 0;
}

async function drop(on: Queryable, id: string): Promise<number> {
	const gone = await on.query('DELETE FROM dead_letters WHERE id = $1::bigint RETURNING 1', [id]);
	if (gone.length === 0) return isMissing(id);
	console.log(`${id} is deleted.`);
	return 0;
}

async function retryAll(on: Queryable): Promise<number> {
	const letters = await on.query<{ id: string }>(
		'SELECT id::text FROM dead_letters ORDER BY dead_letters.id',
		[]
	);
	let failed = 0;
	for (const { id } of letters) failed += await retry(on, id);
	if (letters.length === 0) console.log('Nothing was set aside.');
	return failed > 0 ? 1 : 0;
}

/** One statement for each: what the log still refuses stays where it is. */
async function retry(on: Queryable, id: string): Promise<number> {
	try {
		const [done] = await on.query<{
			consumer: string | null;
			event: string | null;
			there: boolean;
			runs: boolean;
		}>(
			`WITH letter AS (
				SELECT d.*, d.consumer IS NULL OR EXISTS (SELECT FROM events AS e WHERE e.id = d.event_id) AS there,
					d.consumer IS NULL OR EXISTS (
						SELECT FROM consumers AS c WHERE c.name = d.consumer AND c.topic <> '$begun'
							AND logline_consumes(c.topic, d.topic) AND c.moved_at > now() - ${RAN}
					) AS runs
				FROM dead_letters AS d WHERE d.id = $1::bigint FOR UPDATE
			), gone AS (
				DELETE FROM dead_letters AS d USING letter WHERE d.id = letter.id AND letter.there AND letter.runs RETURNING d.*
			), sent AS (
				INSERT INTO outbox (topic, user_id, data, key, producer, epoch, created_at)
				SELECT topic, user_id, data, key, producer, epoch, created_at FROM gone WHERE consumer IS NULL
			), due AS (
				INSERT INTO consumer_failures (name, event_id, topic, attempts, next_at, error)
				SELECT consumer, event_id, topic, 0, now(), error FROM gone WHERE consumer IS NOT NULL
				ON CONFLICT (name, event_id) DO UPDATE SET attempts = 0, next_at = now()
			)
			SELECT consumer, event_id::text AS event, there, runs FROM letter`,
			[id]
		);
		if (!done) return isMissing(id);
		if (!done.there) {
			console.error(
				`${id} stays: its event ${done.event} is not in the log any more. Drop it, or handle it by hand.`
			);
			return 1;
		}
		if (!done.runs) {
			console.error(
				`${id} stays: consumer "${plain(done.consumer!)}" has not read this topic for two hours. Try again when it runs, or drop it.`
			);
			return 1;
		}
		console.log(
			done.consumer === null
				? `${id} is in outbox again, and becomes an event within a second.`
				: `${id} is due again: consumer "${plain(done.consumer)}" tries event ${done.event} within a second, or when it runs next.`
		);
		return 0;
	} catch (error) {
		const { message, severity } = error as { message: string; severity?: string };
		if (severity !== 'ERROR') throw error;
		console.error(`${id} stays: ${plain(message)}`);
		return 1;
	}
}

function isMissing(id: string): number {
	console.error(`There is no dead letter ${id}. "npm run dead-letters" lists them.`);
	return 1;
}
