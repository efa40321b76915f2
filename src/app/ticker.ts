import type { PayloadOf, SSETopicsMap, Topic } from 'logline';
import type { App } from './app.ts';
import { startLoop, type Logline } from 'logline/server';
import { watchAudience } from './audience.ts';

/**
 * Emits one event for everyone in each time slot, once per deployment, however many processes run it. It emits while a
 * client of this process is subscribed to the topic, and for some minutes after, so that a reader who disconnects has events
 * to catch up on.
 *
 * The payloads are numbered without repeats and without holes, whichever process emits: the database counts them.
 *
 * @param options.everyMs length of a slot, in milliseconds
 * @param options.lingerMs how long it continues without a subscriber, in milliseconds; default 5 minutes
 * @param options.next creates the payload; `count` rises by one with each event of the deployment
 * @returns a function that ends it
 */
export function startTicker<T extends Topic>(options: {
	app: Pick<App, 'database' | 'logger'> & {
		logline: Pick<Logline, 'isSubscribed' | 'onSubscribe' | 'kickOutbox'>;
	};
	topic: T;
	everyMs: number;
	lingerMs?: number;
	next: (count: number) => PayloadOf<T, SSETopicsMap>;
}): () => Promise<void> {
	const { app, topic, everyMs, next } = options;
	const connection = app.database.background;
	const audience = watchAudience(app.logline, topic, options.lingerMs);

	const loop = startLoop({
		// Without features, there is no topic, and its type is `never`.
		name: `ticker ${topic as string}`,
		logger: app.logger,
		async round() {
			if (!audience.isThere()) return everyMs - (Date.now() % everyMs);
			// Use the database's clock: a process whose own clock is ahead would silence the others.
			const [now] = await connection.query<{
				slot: string;
				count: string;
				due: boolean;
				left: number;
			}>(
				`SELECT now.slot::text, coalesce(tick.count, 0)::text AS count, coalesce(tick.slot < now.slot, true) AS due,
					($2::int - ms % $2::int)::float8 AS left
				FROM (SELECT ms, ms / $2::int AS slot
					FROM (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS ms) AS clock
				) AS now LEFT JOIN demo_ticks AS tick ON tick.source = $1`,
				[topic, everyMs]
			);
			const { slot, count, due, left } = now!;
			if (due) await speak(slot, count);
			return left;
		}
	});

	/**
	 * The process that increments the count from the value it has read emits the event. For the others, the count has
	 * already moved.
	 */
	async function speak(slot: string, count: string): Promise<void> {
		const data = next(Number(count));
		const moved = await connection.query(
			`WITH moved AS (
				INSERT INTO demo_ticks AS tick (source, slot, count) VALUES ($1, $2::bigint, $3::bigint + 1)
				ON CONFLICT (source) DO UPDATE SET slot = excluded.slot, count = excluded.count
					WHERE tick.slot < excluded.slot AND tick.count + 1 = excluded.count
				RETURNING source
			)
			INSERT INTO outbox (topic, data) SELECT source, $4::text::jsonb FROM moved
			RETURNING topic`,
			[topic, slot, count, JSON.stringify(data)]
		);
		if (moved.length > 0) app.logline.kickOutbox();
	}

	return async () => {
		audience.stop();
		await loop.stop();
	};
}
