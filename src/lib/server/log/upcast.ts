import type { TopicRegistry } from '../../protocol/index.ts';
import type { Logger } from '../work/logger.ts';
import type { HistoryEvent } from './history.ts';

/**
 * Returns events with their data in today's shape. An event whose `upcast` throws keeps the data as it is stored, and the
 * error is logged: one old event must not fail a page.
 */
export function upcastEvents(
	registry: TopicRegistry,
	events: readonly HistoryEvent[],
	logger: Pick<Logger, 'error'>
): HistoryEvent[] {
	return events.map((event) => {
		const upcast = registry.get(event.topic)?.upcast;
		// An event that the page cannot carry has no data here.
		if (!upcast || event.json !== undefined || event.data === null) return event;
		try {
			return { ...event, data: upcast(event.data) };
		} catch (error) {
			const { id, topic } = event;
			logger.error(
				{ err: error, id, topic },
				'the upcast of a topic fails: see npm run check:events'
			);
			return event;
		}
	});
}
