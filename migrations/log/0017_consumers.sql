-- Consumers: which topics each reads, and how far it is. Written by hand. The reasons are in docs/decisions/025.
CREATE FUNCTION logline_consumes(p_consumed text, p_topic text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
	SELECT p_topic = p_consumed OR p_consumed LIKE '%*%'
		AND p_topic ~ ('^' || replace(replace(p_consumed, '.', '\.'), '*', '[A-Za-z0-9_-]{1,64}') || '$')
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_consumes(text, text) IS 'True when a topic is the one that a row of consumers names, or is one of its wildcard.';
--> statement-breakpoint
CREATE VIEW logline_consumers AS
SELECT c.name, c.topic, c.position, coalesce(ahead.events, 0) AS events_behind,
	coalesce(round(extract(epoch FROM now() - ahead.oldest)), 0) AS seconds_behind,
	(SELECT count(*) FROM consumer_failures AS f WHERE f.name = c.name AND logline_consumes(c.topic, f.topic)) AS failures,
	(SELECT count(*) FROM dead_letters AS d WHERE d.consumer = c.name AND logline_consumes(c.topic, d.topic)) AS dead_letters,
	c.moved_at
FROM consumers AS c CROSS JOIN LATERAL (
	SELECT count(*) AS events, min(next.created_at) AS oldest FROM (
		SELECT e.topic, e.created_at FROM events AS e WHERE e.id > c.position ORDER BY e.id LIMIT 10000
	) AS next
	WHERE logline_consumes(c.topic, next.topic)
) AS ahead
WHERE c.topic <> '$begun';
--> statement-breakpoint
COMMENT ON VIEW logline_consumers IS 'How far each consumer is, for each of its topics: events and seconds behind (among the next 10,000 events of the log), events that failed and are tried again, and those that were set aside.';
--> statement-breakpoint
COMMENT ON COLUMN consumers.topic IS 'Topic, or wildcard of topics (rooms/*/messages). $begun: no topic, but where the last batch began.';
--> statement-breakpoint
COMMENT ON COLUMN consumers.begun IS 'In the row $begun: how many batches were begun at its position. More than one: a process died in the middle, or the transaction was refused.';
