import type { TopicRegistry } from '../../protocol/index.ts';
import type { Logger } from '../work/logger.ts';

/** An event whose data was parsed. */
interface Parsed {
	id: string;
	topic: string;
	data: unknown;
}

/** Returns the data of an event in today's shape. */
export type TodaysShape = (event: Parsed) => unknown;

/**
 * Turns data as it is stored into today's shape. An event whose `upcast` throws keeps the data as it is stored, and the error
 * is logged: one old event must not fail a page or a watch.
 *
 * `null` that was stored is turned, too. Data that is absent, because a page cannot carry it or Postgres does not hand it out,
 * must not be given: it also reads as `null`, and the upcast would make up a payload for it.
 */
export function todaysShape(registry: TopicRegistry, logger: Pick<Logger, 'error'>): TodaysShape {
	return ({ id, topic, data }) => {
		const upcast = registry.get(topic)?.upcast;
		if (!upcast) return data;
		try {
			return upcast(data);
		} catch (error) {
			logger.error(
				{ err: error, id, topic },
				'the upcast of a topic fails: see npm run check:events'
			);
			return data;
		}
	};
}
