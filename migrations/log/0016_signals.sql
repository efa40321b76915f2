-- Topics that are not durable have no events. Written by hand.
CREATE OR REPLACE FUNCTION logline_pattern_of(p_topic text) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
	SELECT coalesce(
		(SELECT pattern FROM topics WHERE pattern = p_topic AND scope_regex IS NULL AND durable),
		(SELECT pattern FROM topics WHERE scope_regex IS NOT NULL AND durable AND p_topic ~ topic_regex LIMIT 1)
	)
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_pattern_of(text) IS 'Returns the declared name or pattern of a topic; null: it is not declared, or it is a signal, which has no events.';
--> statement-breakpoint
-- The nearest is the one that shares most pairs of letters.
CREATE OR REPLACE FUNCTION logline_refuse_topic(p_topic text, p_table text) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	signal text := (SELECT pattern FROM topics WHERE NOT durable AND p_topic ~ topic_regex LIMIT 1);
	nearest text := (
		SELECT pattern FROM topics WHERE durable ORDER BY (
			SELECT count(*) FROM (
				SELECT substr(lower(p_topic), i, 2) FROM generate_series(1, length(p_topic) - 1) AS i
				INTERSECT
				SELECT substr(lower(pattern), i, 2) FROM generate_series(1, length(pattern) - 1) AS i
			) AS shared
		)::float8 / (length(p_topic) + length(pattern)) DESC, pattern LIMIT 1
	);
BEGIN
	IF signal IS NOT NULL THEN
		RAISE EXCEPTION 'The topic "%" is a signal, which is not kept', p_topic USING
			ERRCODE = 'check_violation', TABLE = p_table, COLUMN = 'topic', CONSTRAINT = p_table || '_durable_check',
			HINT = format('"%s" is declared with "durable: false". A server sends it with logline.signal().', signal);
	END IF;
	RAISE EXCEPTION 'The topic "%" is not declared', p_topic USING
		ERRCODE = 'check_violation', TABLE = p_table, COLUMN = 'topic', CONSTRAINT = p_table || '_declared_check',
		HINT = format('Did you mean "%s"? The table "topics" lists what is declared. A server adds its topics when it starts.', nearest);
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_refuse_topic(text, text) IS 'Raises an error for a topic that is not declared or is a signal, with a hint at what to do.';
