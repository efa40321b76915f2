import { LoglineError } from '../../../protocol/index.ts';
import { isText } from '../accept.ts';
import { END } from '../topic-range.ts';
import { toJsonPath } from './path.ts';

/** What to look for in the log. Everything that is set must hold. */
export interface ExploreFilter {
	/** Topics. `*` stands for any characters: `rooms/*`. Empty or absent: all that the viewer may see. At most 32. */
	topics?: readonly string[] | undefined;
	/** Only events after this id. */
	after?: bigint | undefined;
	/** Only events up to this id. */
	to?: bigint | undefined;
	/** ISO 8601: only events that were written at or after this time. */
	since?: string | undefined;
	/** ISO 8601: only events that were written before this time. */
	until?: string | undefined;
	/**
	 * Text that the data contains as JSON, in upper or lower case. At most 200 characters. It is not looked for in data of more
	 * than 1 MiB, which only older versions of the log accepted: such an event is never found by it.
	 */
	text?: string | undefined;
	/** Values in the data. At most 4. As with `text`, an event with more than 1 MiB of data is never found by them. */
	where?: readonly ValueAt[] | undefined;
	/** `'mine'`: only events for the viewer alone. `'everyone'`: only events for everyone who may see the topic. */
	audience?: 'all' | 'mine' | 'everyone' | undefined;
}

/** A place in the data, and the value there. */
export interface ValueAt {
	/**
	 * `user.name`, `items[0].id`, with or without `$.` before it. Its steps are `.name`, `."any name"`, `[0]`, `[*]` for all
	 * items, and once `.**` for any depth, at the end or before a name: `$.**.id`. At most 32 steps and 200 characters.
	 */
	path: string;
	/** The text, number, `true`, `false` or `null` there. */
	value: string;
}

/** Returns SQL for a value: a parameter, or a literal. */
export type Bind = (value: string, type: 'text' | 'timestamptz' | 'jsonpath' | 'jsonb') => string;

/** Longest text of a filter, in characters. */
const LONGEST = 200;

const MOST = { topics: 32, where: 4 };

/** Rows with more octets of data are not searched: they would take longer than all others together. */
const LARGEST = 1_048_576;

const SCALAR = /^(-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,3})?|true|false|null)$/;

/**
 * Checks a filter.
 *
 * @throws LoglineError `invalid_filter`
 */
export function checkFilter(filter: ExploreFilter): void {
	const { topics = [], where = [], text, since, until, after = 0n, to = 0n } = filter;
	if (topics.length > MOST.topics) throw invalid(`Name at most ${MOST.topics} topics.`);
	for (const topic of topics) {
		if (!/^[A-Za-z0-9._/*-]{1,100}$/.test(topic)) {
			throw invalid(
				`"${topic.slice(0, 60)}" cannot be a topic: it has 1 to 100 of A-Z a-z 0-9 . _ / - and * for any characters.`
			);
		}
	}
	if (after < 0n || to < 0n || after > BigInt(END) || to > BigInt(END)) {
		throw invalid('An id is a number from 0 to 9223372036854775807.');
	}
	for (const time of [since, until]) {
		if (time !== undefined && !isTime(time)) {
			throw invalid(
				`"${time.slice(0, 60)}" is no time: write it as 2026-01-31T12:00:00Z, in the years 1 to 9999.`
			);
		}
	}
	if (where.length > MOST.where) throw invalid(`Ask for at most ${MOST.where} values of the data.`);
	for (const piece of [text ?? '', ...where.flatMap(({ path, value }) => [path, value])]) {
		if (piece.length > LONGEST) throw invalid(`A text has at most ${LONGEST} characters.`);
		if (!isText(piece)) {
			throw invalid('A text of the log has no NUL and no half of a surrogate pair.');
		}
	}
	for (const { path } of where) toJsonPath(path);
}

const TIME = /^(\d{4}-\d\d-\d\d)T(\d\d):\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-](0\d|1[0-5]):[0-5]\d)$/;

/**
 * @returns true for ISO 8601 with a zone, in a year that JavaScript and Postgres print alike. `Date.parse` takes the 30th of
 *   February for a day of March; Postgres refuses it, as it refuses zones of 16 hours and more.
 */
function isTime(text: string): boolean {
	const [, day = '', hour = ''] = TIME.exec(text) ?? [];
	const midnight = Date.parse(`${day}T00:00:00Z`);
	return (
		!day.startsWith('0000') &&
		hour < '24' &&
		!Number.isNaN(midnight) &&
		!Number.isNaN(Date.parse(text)) &&
		new Date(midnight).toISOString().startsWith(day)
	);
}

/** Returns SQL: what a filter asks of an event, besides its topic, its audience and its id. */
export function conditionsOf(filter: ExploreFilter, bind: Bind): string[] {
	const { since, until, text, where = [] } = filter;
	const conditions: string[] = [];
	if (since) conditions.push(`created_at >= ${bind(since, 'timestamptz')}`);
	if (until) conditions.push(`created_at < ${bind(until, 'timestamptz')}`);
	if (text) {
		const pattern = `%${text.replace(/[\\%_]/g, '\\$&')}%`;
		conditions.push(inData(`data::text ILIKE ${bind(pattern, 'text')}`));
	}
	for (const { path, value } of where) {
		const place = bind(`${toJsonPath(path)} ? (@ == $text || @ == $json)`, 'jsonpath');
		const text = JSON.stringify(value);
		const values = bind(`{"text":${text},"json":${SCALAR.test(value) ? value : text}}`, 'jsonb');
		conditions.push(inData(`jsonb_path_exists(data, ${place}, ${values}, true)`));
	}
	return conditions;
}

/** SQL: a condition on the data. CASE, because Postgres may ask the parts of an AND in any order. */
const inData = (condition: string) =>
	`CASE WHEN size <= ${LARGEST} THEN ${condition} ELSE false END`;

const invalid = (message: string) => new LoglineError('invalid_filter', message);
