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
 * Turns data as it is stored into today's shape, null too. An event whose `upcast` throws keeps the data as it is stored, and
 * the error is logged: one old event must not fail a page or a watch. Do not call it for an event without its data.
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
