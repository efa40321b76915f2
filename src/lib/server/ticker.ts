import type { SSETopicsMap, Topic } from '$lib/protocol';
import type { App } from './app.ts';
import { SoleConnection } from './database/sole-connection.ts';
import { startLoop } from './loop.ts';

/**
 * Emits one event for everyone in each slot of time, once per deployment however many processes run it, and only while a
 * client of this process is subscribed to the topic.
 *
 * @param options.everyMs length of a slot in milliseconds
 * @param options.next makes the payload; `slot` counts up by one with each slot
 * @returns how to end it
 */
export function startTicker<T extends Topic>(options: {
	app: Pick<App, 'database' | 'logger' | 'isSubscribed' | 'kickOutbox'>;
	topic: T;
	everyMs: number;
	next: (slot: number) => SSETopicsMap[T];
}): () => Promise<void> {
	const { app, topic, everyMs, next } = options;
	const connection = new SoleConnection(app.database.url, { name: `ticker ${topic}` });

	const loop = startLoop({
		name: `ticker ${topic}`,
		logger: app.logger,
		async round() {
			if (app.isSubscribed(topic)) {
				const data = next(Math.floor(Date.now() / everyMs));
				// Whoever moves the slot speaks. The slot is told by the database's clock: a process whose own is ahead would
				// otherwise silence the rest.
				const moved = await connection.query(
					`WITH moved AS (
						INSERT INTO demo_ticks AS tick (source, slot)
						VALUES ($1, floor(extract(epoch FROM clock_timestamp()) * 1000 / $2::int)::bigint)
						ON CONFLICT (source) DO UPDATE SET slot = excluded.slot WHERE tick.slot < excluded.slot
						RETURNING source
					)
					INSERT INTO outbox (topic, data) SELECT source, $3::text::jsonb FROM moved
					RETURNING topic`,
					[topic, everyMs, JSON.stringify(data)]
				);
				if (moved.length > 0) app.kickOutbox();
			}
			return everyMs - (Date.now() % everyMs);
		}
	});
	return async () => {
		await loop.stop();
		await connection.end();
	};
}
