import {
	Pattern,
	type PayloadIssue,
	type TopicDefinition,
	type TopicRegistry
} from '../../protocol/index.ts';
import type { Queryable } from '../database/queryable.ts';
import { EventRefused, listed, readPageOf, type ListedRow, type Page } from './page.ts';
import { PageSize } from './page-size.ts';
import type { LogEvent } from './types.ts';

/** Ids that one statement looks at. So it ends soon, also when it searches for the events of one topic. */
const IDS = 50_000;

/** Limits of a page. */
const PAGE = { first: 256, most: 1000, bytes: 2 * 1_048_576 };

/** The first event of a declared topic or pattern that does not fit. */
export interface Misfit {
	/** The declared name or pattern. */
	declared: string;
	id: string;
	topic: string;
	/** Where in the data, as `items.0.count`; `''`: the data as a whole. */
	path: string;
	/** What the schema says. */
	message: string;
	/** How many events of the declared topic do not fit. */
	count: number;
}

/** What was found. */
export interface CheckedEvents {
	/** Events that were held against a schema. */
	checked: number;
	/** One for each declared topic that has events which do not fit. */
	misfits: Misfit[];
	/** Events of topics that nobody declares any more, and the first of them. They are not checked. */
	undeclared: { count: number; id: string; topic: string } | null;
}

/**
 * Holds stored events against the schemas of today's declarations; if a topic has an `upcast`, its result. It reads the log
 * in pages, by the primary key. The log's own topics are left out.
 *
 * @param options.topic only this topic, or the topics of this pattern
 * @param options.from begins at this id; default: at the oldest event
 * @param options.onPage called after each page, with the id up to which all is checked
 * @throws errors of the driver
 */
export async function checkEvents(
	on: Queryable,
	registry: TopicRegistry,
	options: {
		topic?: string | undefined;
		from?: bigint | undefined;
		onPage?: (upTo: bigint, checked: number) => void;
	} = {}
): Promise<CheckedEvents> {
	const { topic = null, from = 1n, onPage } = options;
	const misfits = new Map<string, Misfit>();
	const found: CheckedEvents = { checked: 0, misfits: [], undeclared: null };
	const size = new PageSize(PAGE);
	const head = await readId(on, 'max', 0n);
	let position = from - 1n;
	while (position < head) {
		// Jumps over ids that are not there.
		const next = await readId(on, 'min', position);
		if (next === 0n || next > head) break;
		const to = next + BigInt(IDS) < head ? next + BigInt(IDS) : head;
		for (let after = next - 1n; after < to;) {
			const page = await readEvents(on, size, { after, to, topic });
			for (const event of page.events) {
				const declared = registry.find(event.topic);
				if (!declared) {
					const { id } = event;
					found.undeclared ??= { count: 0, id: id.toString(), topic: event.topic };
					found.undeclared.count++;
					continue;
				}
				found.checked++;
				const issue = await misfitOf(declared.definition, event);
				if (!issue) continue;
				const { text } = declared.pattern;
				const first = misfits.get(text);
				if (first) first.count++;
				else {
					const told = { id: event.id.toString(), topic: event.topic, ...tell(issue), count: 1 };
					misfits.set(text, { declared: text, ...told });
				}
			}
			after = page.more && page.last !== null ? page.last : to;
			onPage?.(after, found.checked);
		}
		position = to;
	}
	return { ...found, misfits: [...misfits.values()] };
}

async function readId(on: Queryable, which: 'min' | 'max', after: bigint): Promise<bigint> {
	const [row] = await on.query<{ id: string }>(
		`SELECT coalesce(${which}(id), 0)::text AS id FROM events WHERE id > $1::bigint`,
		[after.toString()]
	);
	return BigInt(row!.id);
}

/** Reads a page. An event that Postgres refuses to return is asked for alone, and comes without data in the end. */
async function readEvents(
	on: Queryable,
	size: PageSize,
	{ after, to, topic }: { after: bigint; to: bigint; topic: string | null }
): Promise<Page> {
	const regex = topic?.includes('[') ? Pattern.parse(topic).regex.topic : null;
	for (;;) {
		try {
			return await readPageOf(on, size, ({ rows, inline }) =>
				on.query<ListedRow>(
					`SELECT ${listed('$4')} FROM events
					WHERE id > $1::bigint AND id <= $2::bigint AND topic NOT LIKE '$%'
						AND ($5::text IS NULL OR topic = $5 OR topic ~ $6)
					ORDER BY events.id LIMIT $3::int`,
					[after.toString(), to.toString(), rows, inline, topic, regex]
				)
			);
		} catch (error) {
			if (!(error instanceof EventRefused)) throw error;
		}
	}
}

/** @returns null when the event fits */
async function misfitOf(
	{ schema, upcast }: TopicDefinition,
	{ data }: LogEvent
): Promise<PayloadIssue | null> {
	if (data === null)
		return { message: 'It cannot be read: larger than 16 MiB as text, or damaged.' };
	try {
		const stored: unknown = JSON.parse(data);
		const result = await schema['~standard'].validate(upcast ? upcast(stored) : stored);
		return result.issues ? (result.issues[0] ?? { message: 'It does not fit.' }) : null;
	} catch (error) {
		return {
			message: `${upcast ? 'The upcast or the schema' : 'The schema'} throws: ${String(error)}`
		};
	}
}

function tell({ path = [], message }: PayloadIssue): { path: string; message: string } {
	const keys = path.map((part) => String(typeof part === 'object' ? part.key : part));
	return { path: keys.join('.'), message };
}
