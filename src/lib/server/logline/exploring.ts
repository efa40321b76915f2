import { LoglineError, type Viewer } from '../../protocol/index.ts';
import { readExplained, type Gate } from '../log/explore/explained.ts';
import { checkFilter, type ExploreFilter } from '../log/explore/filter.ts';
import {
	readCounts,
	readNewerPage,
	readSearch,
	type Counts,
	type FoundEvent
} from '../log/explore/read-search.ts';
import { searchAsSql, type Search } from '../log/explore/search.ts';
import { Turns } from '../log/explore/turns.ts';
import { readHistoryPage } from '../log/history.ts';
import { readHead, readOldest, readWindowStarts } from '../log/read.ts';
import { DEFAULT_SCHEMA } from '../schema/schema-name.ts';
import { readVisible, type Visible } from '../streams/visible.ts';
import type { Log } from './log.ts';

/** A page of the log, as a viewer may see it. */
export interface ExploredPage {
	/** Newest first. Data larger than 8 kB is left out. */
	events: FoundEvent[];
	/** There are older ones. */
	more: boolean;
	/** With `before`: what the page of newer events has as `before`; null: it is that of the newest. */
	newer: string | null;
	/** Everything up to here is looked through: the cursor with which a stream goes on. */
	cursor: string;
	/** Epoch of the log that the cursor belongs to. */
	log: string;
	/** The topics that were looked through. */
	topics: string[];
	/** Topics of the filter that do not exist, or that the viewer may not see. */
	unknown: string[];
	/** False: the viewer may see more than a thousand topics, or a pattern has more than 50,000; the others were left out. */
	complete: boolean;
	/** The same search in SQL, for who may read the tables. */
	sql: string;
}

/** One event, and its place. */
export interface ExploredEvent {
	event: Omit<FoundEvent, 'size'>;
	/** The nearest events of its topic that the viewer may see. */
	previous: string | null;
	next: string | null;
	/** Why the viewer gets it: what `logline_explain` says, without servers and clients. It may be shown to the viewer. */
	gates: Gate[];
}

/** Looking through the log, over all topics that a viewer may see. */
export interface Exploring {
	/**
	 * Reads the newest events that the viewer may see and that fit a filter, newest first. What it finds is what streams and
	 * `history` give to this viewer. `text` and `where` do not find an event with more than 1 MiB of data.
	 *
	 * @param options.before only events before this id. Default: from the newest
	 * @param options.limit 1 to 200. Default 100
	 * @throws LoglineError `invalid_filter`, `invalid_limit`, `invalid_user`; `search_too_slow`: it took longer than three seconds; `too_many_searches` (429): five of the viewer run or wait
	 */
	explore(
		viewer: Viewer,
		filter?: ExploreFilter,
		options?: { before?: bigint | null; limit?: number }
	): Promise<ExploredPage>;
	/**
	 * Counts the newest 10,000 of these events, for each topic and time.
	 *
	 * @throws as `explore`
	 */
	exploreCounts(viewer: Viewer, filter?: ExploreFilter): Promise<Counts>;
	/** Returns the names of the topics that the viewer may see, in order; at most a thousand. */
	exploreTopics(viewer: Viewer): Promise<string[]>;
	/**
	 * Reads one event with its neighbours, with all of its data up to 16 MiB. null: there is none, or the viewer may not see it.
	 */
	exploreEvent(viewer: Viewer, id: bigint): Promise<ExploredEvent | null>;
}

/** Events of a page. */
const MOST = 200;

/** See {@link Exploring}. */
export function createExploring(running: () => Log, schema: string): Exploring {
	const table = schema === DEFAULT_SCHEMA ? 'events' : `"${schema.replaceAll('"', '""')}".events`;
	const turns = new Turns();
	const searchFor = async (viewer: Viewer, filter: ExploreFilter, before: bigint | null = null) => {
		checkFilter(filter);
		const head = await readHead(running().history);
		const visible = await readVisible(running(), viewer, filter.topics ?? []);
		const search: Search = { userId: viewer.id, topics: visible.topics, filter, before, head };
		return { visible, search };
	};
	return {
		async explore(viewer, filter = {}, { before = null, limit = 100 } = {}) {
			if (!Number.isInteger(limit) || limit < 1 || limit > MOST) {
				throw new LoglineError('invalid_limit', `\`limit\` is a number from 1 to ${MOST}.`);
			}
			return turns.take(viewer.id, async () => {
				const { explorer, tailer } = running();
				const log = tailer.epoch;
				const { visible, search } = await searchFor(viewer, filter, before);
				const page = await told(readSearch(explorer, search, limit));
				const newer =
					before === null ? null : await told(readNewerPage(explorer, search, before, limit));
				return {
					...page,
					newer,
					cursor: search.head.toString(),
					log,
					topics: namesOf(visible),
					unknown: [...visible.unknown],
					complete: visible.complete,
					sql: searchAsSql(search, limit, table)
				};
			});
		},
		async exploreCounts(viewer, filter = {}) {
			return turns.take(viewer.id, async () => {
				const { search } = await searchFor(viewer, filter);
				return told(readCounts(running().explorer, search));
			});
		},
		async exploreTopics(viewer) {
			return namesOf(await readVisible(running(), viewer, []));
		},
		async exploreEvent(viewer, id) {
			const { history, pool } = running();
			const [found] = await pool.query<{ topic: string; mine: boolean; head: string }>(
				`SELECT topic, user_id IS NOT NULL AS mine, (SELECT max(id) FROM events)::text AS head
				FROM events WHERE id = $1::bigint`,
				[id.toString()]
			);
			if (!found) return null;
			const { topic, mine, head } = found;
			const visible = await readVisible(running(), viewer, [topic]);
			const floor = visible.topics[0]?.floor;
			if (floor === undefined || id <= floor) return null;
			const userId = viewer.id;
			const only = { userId, topic, before: id + 1n, after: id - 1n, limit: 1 };
			const [{ events }, before, next, gates] = await Promise.all([
				readHistoryPage(history, only),
				readWindowStarts(history, { userId, topics: [{ topic, last: 0, to: id - 1n }] }),
				readOldest(history, { userId, topic, after: id }),
				readExplained(pool, id, userId)
			]);
			const event = events[0];
			if (!event) return null;
			const previous = before.get(topic) ?? 0n;
			return {
				event: { id: event.id, topic, mine, at: event.createdAt, json: event.json },
				previous: previous > floor ? previous.toString() : null,
				next: next === null || next > BigInt(head) ? null : next.toString(),
				gates
			};
		}
	};
}

const namesOf = ({ topics }: Visible) => topics.map(({ topic }) => topic).sort();

/** Tells of a search that takes too long, or that Postgres refuses, as what it is: the database is there. */
async function told<T>(work: Promise<T>): Promise<T> {
	try {
		return await work;
	} catch (error) {
		const { code, message } = (error ?? {}) as { code?: unknown; message?: string };
		// Class 22: Postgres cannot read a value of the filter.
		if (typeof code === 'string' && code.startsWith('22')) {
			throw new LoglineError(
				'invalid_filter',
				`Postgres cannot search by this: ${message}. Change it.`
			);
		}
		if (code !== '57014' && code !== 'ETIMEDOUT') throw error;
		throw new LoglineError(
			'search_too_slow',
			'The search took longer than three seconds. Narrow it: name a topic, or a range of ids.',
			422
		);
	}
}
