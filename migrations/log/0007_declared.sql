-- The doors of the log check that a topic is declared. Written by hand.
--
-- The servers write their declarations into `topics`. While it is empty, nothing is refused: a database that was migrated
-- but never served knows no declarations. `log_topics` remembers each topic at its first event, so that later events of the
-- topic need no look at the patterns. Topics of the log itself begin with "$" and are not declared.
ALTER TABLE log_topics ALTER COLUMN topic TYPE text COLLATE "C";
--> statement-breakpoint
CREATE FUNCTION logline_pattern_of(p_topic text) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
	SELECT coalesce(
		(SELECT pattern FROM topics WHERE pattern = p_topic AND scope_regex IS NULL),
		(SELECT pattern FROM topics WHERE scope_regex IS NOT NULL AND p_topic ~ topic_regex LIMIT 1)
	)
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_pattern_of(text) IS 'Returns the declared name or pattern of a topic; null: it is not declared.';
--> statement-breakpoint
-- The nearest is the one that shares most pairs of letters.
CREATE FUNCTION logline_refuse_topic(p_topic text, p_table text) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	nearest text := (
		SELECT pattern FROM topics ORDER BY (
			SELECT count(*) FROM (
				SELECT substr(lower(p_topic), i, 2) FROM generate_series(1, length(p_topic) - 1) AS i
				INTERSECT
				SELECT substr(lower(pattern), i, 2) FROM generate_series(1, length(pattern) - 1) AS i
			) AS shared
		)::float8 / (length(p_topic) + length(pattern)) DESC, pattern LIMIT 1
	);
BEGIN
	RAISE EXCEPTION 'The topic "%" is not declared', p_topic USING
		ERRCODE = 'check_violation', TABLE = p_table, COLUMN = 'topic', CONSTRAINT = p_table || '_declared_check',
		HINT = format('Did you mean "%s"? The table "topics" lists what is declared. A server adds its topics when it starts.', nearest);
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_refuse_topic(text, text) IS 'Raises an error for a topic that is not declared, with the nearest declared name as the hint.';
--> statement-breakpoint
-- Called under the log's lock, so two transactions cannot add the same topic.
CREATE FUNCTION logline_meet_topics(p_topics text[]) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	met text;
	declared text;
BEGIN
	IF NOT EXISTS (SELECT FROM topics) THEN
		RETURN;
	END IF;
	FOREACH met IN ARRAY p_topics LOOP
		CONTINUE WHEN met LIKE '$%';
		declared := logline_pattern_of(met);
		IF declared IS NULL THEN
			PERFORM logline_refuse_topic(met, 'events');
		END IF;
		INSERT INTO log_topics (topic, pattern) VALUES (met, declared) ON CONFLICT (topic) DO NOTHING;
	END LOOP;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_meet_topics(text[]) IS 'Remembers topics at their first event, and refuses those that are not declared. Called under the lock of the log.';
--> statement-breakpoint
CREATE OR REPLACE FUNCTION logline_after_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	lowest bigint;
	highest bigint;
	unmet text[];
BEGIN
	SELECT min(low), max(high), array_agg(topic) FILTER (
		WHERE NOT EXISTS (SELECT FROM log_topics AS known WHERE known.topic = t.topic)
	) INTO lowest, highest, unmet
	FROM (SELECT topic, min(id) AS low, max(id) AS high FROM inserted GROUP BY topic) AS t;
	IF highest IS NULL THEN -- the statement inserted nothing
		RETURN NULL;
	END IF;
	-- An id that was not drawn under the lock could appear behind a reader that has already passed it.
	IF lowest <= current_setting('logline.head')::bigint OR highest > (
		SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM events_id_seq
	) THEN
		RAISE EXCEPTION 'events.id is given by the log, not by the writer'
			USING ERRCODE = 'generated_always', HINT = 'Leave the column "id" out of the INSERT.';
	END IF;
	IF unmet IS NOT NULL THEN
		PERFORM logline_meet_topics(unmet);
	END IF;
	PERFORM pg_notify('logline_events', highest::text);
	RETURN NULL;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_after_insert() IS 'Trigger on events: notifies the servers (channel logline_events, the highest id), refuses ids that the writer has chosen, and topics that are not declared.';
--> statement-breakpoint
CREATE OR REPLACE FUNCTION logline_outbox_notify() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	wrong text;
BEGIN
	SELECT topic INTO wrong FROM (SELECT DISTINCT topic FROM inserted) AS t
	WHERE topic <> '$grants' AND NOT EXISTS (SELECT FROM log_topics AS known WHERE known.topic = t.topic)
		AND (topic LIKE '$%' OR logline_pattern_of(topic) IS NULL) AND EXISTS (SELECT FROM topics)
	LIMIT 1;
	IF wrong IS NOT NULL THEN
		PERFORM logline_refuse_topic(wrong, 'outbox');
	END IF;
	IF current_setting('logline.kick', true) IS DISTINCT FROM 'off' THEN
		PERFORM pg_notify('logline_outbox', '');
	END IF;
	RETURN NULL;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_outbox_notify() IS 'Trigger on outbox: refuses topics that are not declared, and wakes the relays of all servers (channel logline_outbox), unless logline.kick is off.';
--> statement-breakpoint
DROP TRIGGER outbox_after_insert ON outbox;
--> statement-breakpoint
CREATE TRIGGER outbox_after_insert AFTER INSERT ON outbox
REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION logline_outbox_notify();
--> statement-breakpoint
COMMENT ON TABLE topics IS 'The declared topics. Each server writes its declarations when it starts, and removes none.';
--> statement-breakpoint
COMMENT ON COLUMN topics.pattern IS 'A topic, or a pattern of topics: the names in brackets are parameters.';
--> statement-breakpoint
COMMENT ON COLUMN topics.access IS 'Who may subscribe: signed-in, granted, or rule (a function of the application).';
--> statement-breakpoint
COMMENT ON COLUMN topics.history IS 'Which part of the history a viewer with a grant sees: all, or since-granted.';
--> statement-breakpoint
COMMENT ON COLUMN topics.retention IS 'How long events are kept. Null: for ever.';
--> statement-breakpoint
COMMENT ON COLUMN topics.replay IS 'How many of the newest events a new client gets. Null: all.';
--> statement-breakpoint
COMMENT ON COLUMN topics.description IS 'What the topic is for.';
--> statement-breakpoint
COMMENT ON COLUMN topics.topic_regex IS 'Regular expression of the topics of the pattern.';
--> statement-breakpoint
COMMENT ON COLUMN topics.scope_regex IS 'Regular expression of the scopes of the pattern. Null: it has no parameters.';
--> statement-breakpoint
COMMENT ON COLUMN topics.declared_at IS 'When the declaration was made or last changed.';
--> statement-breakpoint
COMMENT ON TABLE log_topics IS 'Every topic that has had an event since declarations exist.';
--> statement-breakpoint
COMMENT ON COLUMN log_topics.topic IS 'Topic.';
--> statement-breakpoint
COMMENT ON COLUMN log_topics.pattern IS 'Its declaration, as in topics.';
