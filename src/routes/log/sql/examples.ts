import type { View } from './view.ts';

/** Questions to begin with. */
export const EXAMPLES: readonly (View & { title: string })[] = [
	{
		title: 'Events per minute, by topic',
		as: 'bars',
		sql: `SELECT date_trunc('minute', created_at) AS minute, topic, count(*) AS events
FROM events
WHERE created_at > (SELECT max(created_at) FROM events) - interval '1 hour'
GROUP BY minute, topic
ORDER BY minute, topic`
	},
	{
		title: 'The largest topics',
		as: 'bars',
		sql: `SELECT topic, sum(size) AS octets, count(*) AS events
FROM events
GROUP BY topic
ORDER BY octets DESC
LIMIT 20`
	},
	{
		title: 'Which events have this in their data?',
		as: 'table',
		sql: `SELECT id, topic, data->>'message' AS message, created_at
FROM events
WHERE data @> '{"level": "error"}'
ORDER BY id DESC`
	},
	{
		title: 'Which fields do the data of a topic have?',
		as: 'table',
		sql: `SELECT topic, field, count(*) AS events
FROM events, jsonb_object_keys(CASE jsonb_typeof(data) WHEN 'object' THEN data ELSE '{}' END) AS field
GROUP BY topic, field
ORDER BY topic, events DESC`
	},
	{
		title: 'How long was it silent?',
		as: 'lines',
		sql: `SELECT created_at, extract(epoch FROM created_at - lag(created_at) OVER (ORDER BY id)) AS seconds
FROM events
ORDER BY id`
	},
	{
		title: 'What is for me alone?',
		as: 'table',
		sql: `SELECT topic, count(*) AS events, max(created_at) AS newest
FROM events
WHERE user_id IS NOT NULL
GROUP BY topic
ORDER BY events DESC`
	}
];
