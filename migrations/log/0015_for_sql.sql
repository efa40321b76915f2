-- For people and programs that speak SQL: publish by a function, make a table live, and see how large each topic is. Written by
-- hand. The reasons are in docs/decisions/030.
CREATE FUNCTION logline_emit(topic text, data jsonb, user_id text DEFAULT NULL, key text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	-- A transaction that has written something must not wait for the lock of the log: see logline_before_insert().
	IF (pg_current_xact_id_if_assigned() IS NULL OR logline_holds_lock())
		AND current_setting('transaction_isolation') = 'read committed'
	THEN
		RETURN (logline_append(
			p_batch => NULL, p_topics => ARRAY[logline_emit.topic], p_users => ARRAY[logline_emit.user_id],
			p_data => ARRAY[logline_emit.data],
			p_keys => CASE WHEN logline_emit.key IS NOT NULL THEN ARRAY[logline_emit.key] END
		)).ids[1];
	END IF;
	INSERT INTO outbox (topic, user_id, data, key)
	VALUES (logline_emit.topic, logline_emit.user_id, logline_emit.data, logline_emit.key);
	RETURN NULL;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_emit(text, jsonb, text, text) IS 'Publishes an event and returns its id; for a key that was used before, the id of its first event. As the first write of a transaction it appends at once: the transaction then holds the lock of the log until it ends. After another write it puts the event into the outbox and returns NULL: the event gets its id after the commit.';
--> statement-breakpoint
CREATE FUNCTION logline_captured(p_value text, p_column text, p_table text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
BEGIN
	IF p_value ~ '^[A-Za-z0-9_-]{1,64}$' OR p_value IS NULL THEN
		RETURN p_value;
	END IF;
	RAISE EXCEPTION 'the value "%" in column % of % cannot be part of a topic', left(p_value, 70), quote_ident(p_column), p_table USING
		ERRCODE = 'check_violation',
		HINT = 'It must have 1 to 64 characters of A-Z a-z 0-9 _ - (or be NULL: then there is no event). Change the value, or end this with logline_capture_stop().';
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_captured(text, text, text) IS 'Returns a value that becomes a part of a topic, and refuses one that cannot.';
--> statement-breakpoint
CREATE FUNCTION logline_captured_data(p_data jsonb, p_table text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
BEGIN
	IF octet_length(p_data::text) > 1048576 THEN
		RAISE EXCEPTION 'a row of % makes an event of % octets', p_table, octet_length(p_data::text) USING
			ERRCODE = 'check_violation',
			HINT = 'At most 1048576 are accepted. Call logline_capture() again and leave the large columns out: without => ''{picture}''.';
	END IF;
	RETURN p_data;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_captured_data(jsonb, text) IS 'Returns the data of an event that a row makes, and refuses data that is too large.';
--> statement-breakpoint
-- 'rooms/{room_id}' becomes 'rooms/' || logline_captured(r."room_id"::text, …). A row that leaves the table with a value that
-- is no part of a topic was never in one: there it is NULL.
CREATE FUNCTION logline_capture_expression(p_topic text, p_table text, p_strict boolean) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
	SELECT string_agg(CASE WHEN part LIKE '{%' THEN format(
			CASE WHEN p_strict THEN 'logline_captured(r.%1$I::text, %1$L, %2$L)'
				ELSE 'substring(r.%1$I::text FROM ''^[A-Za-z0-9_-]{1,64}$'')' END,
			trim(BOTH '{}' FROM part), p_table
		) ELSE format('%L', part) END, ' || ' ORDER BY n)
	FROM regexp_matches(p_topic, '\{[^}]+\}|[^{}]+', 'g') WITH ORDINALITY AS m(parts, n), unnest(parts) AS part
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_capture_expression(text, text, boolean) IS 'Returns the SQL expression of a topic with columns in braces.';
--> statement-breakpoint
-- The columns that logline_capture() was told of and that the table does not have, as text; NULL: none.
CREATE FUNCTION logline_capture_missing(p_table regclass, p_topic text, p_columns text[]) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
	SELECT string_agg(quote_ident(c), ', ')
	FROM unnest(p_columns || ARRAY(SELECT m[1] FROM regexp_matches(p_topic, '\{([^}]+)\}', 'g') AS m)) AS c
	WHERE c IS NOT NULL AND NOT EXISTS (
		SELECT FROM pg_attribute WHERE attrelid = p_table AND attname = c AND attnum > 0 AND NOT attisdropped)
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_capture_missing(regclass, text, text[]) IS 'Returns the named columns that a table does not have.';
--> statement-breakpoint
CREATE FUNCTION logline_capture_rows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	own CONSTANT text := TG_RELID::regclass::text;
	who CONSTANT text := nullif(TG_ARGV[1], '');
	chosen CONSTANT text[] := nullif(TG_ARGV[2], '')::text[];
	without CONSTANT text[] := coalesce(nullif(TG_ARGV[3], ''), '{}')::text[];
	missing text;
	every text; -- all columns; an AFTER trigger does not see virtual ones, so they are computed
	shown text;
	key text;
	before_topic text;
	after_topic text;
	ending text;
	came text; -- SQL: topic, user and data of the rows after the statement
	went text; -- the same of the rows before it
	told text;
BEGIN
	IF TG_OP = 'TRUNCATE' THEN
		IF TG_ARGV[0] LIKE '%{%' THEN
			RAISE EXCEPTION 'TRUNCATE of % cannot be told: its rows belong to many topics', own USING
				ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'DELETE the rows, or end this with logline_capture_stop() before.';
		END IF;
		INSERT INTO outbox (topic, data) VALUES (TG_ARGV[0], '{"op": "truncate"}');
		RETURN NULL;
	END IF;
	missing := logline_capture_missing(TG_RELID, TG_ARGV[0], chosen || without || who);
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION 'logline_capture: % no longer has the column %', own, missing USING
			ERRCODE = 'undefined_column',
			HINT = format('Run logline_capture_stop(%L, %L), and logline_capture() with the present names.', own, TG_ARGV[0]);
	END IF;
	SELECT string_agg(CASE WHEN attgenerated = 'v' THEN format('(%s) AS %I', pg_get_expr(adbin, adrelid), attname) ELSE quote_ident(attname) END, ', ' ORDER BY attnum),
		string_agg(format('r.%I', attname), ', ' ORDER BY attnum) FILTER (WHERE attname <> ALL (without) AND (chosen IS NULL OR attname = ANY (chosen)))
	INTO every, shown
	FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
	WHERE attrelid = TG_RELID AND attnum > 0 AND NOT attisdropped;
	SELECT string_agg(format('r.%I::text', attname), ', ' ORDER BY attnum) INTO key
	FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey) WHERE indrelid = TG_RELID AND indisprimary;
	IF key IS NULL THEN
		RAISE EXCEPTION 'logline_capture: % no longer has a primary key', own USING
			ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Make one, or end this with logline_capture_stop().';
	END IF;
	-- A row without a topic or without its user is nobody's: it makes no event.
	before_topic := format('SELECT * FROM (SELECT ARRAY[%s] AS key, ', key);
	after_topic := format(' AS topic, %s AS user_id, (SELECT to_jsonb(s) FROM (SELECT %s) AS s) AS image FROM (SELECT %s FROM ',
		CASE WHEN who IS NULL THEN 'NULL::text' ELSE format('r.%I::text', who) END, shown, every);
	ending := CASE WHEN who IS NULL THEN '' ELSE ' AND user_id IS NOT NULL' END;
	ending := ') AS r) AS rows WHERE topic IS NOT NULL' || ending;
	came := before_topic || logline_capture_expression(TG_ARGV[0], own, true) || after_topic || 'added' || ending;
	went := before_topic || logline_capture_expression(TG_ARGV[0], own, false) || after_topic || 'removed' || ending;
	told := CASE TG_OP
		WHEN 'INSERT' THEN format('SELECT 1 AS step, topic, user_id, ''insert'' AS op, image, NULL::jsonb AS old FROM (%s) AS n', came)
		WHEN 'DELETE' THEN format('SELECT 1 AS step, topic, user_id, ''delete'' AS op, image, NULL::jsonb AS old FROM (%s) AS o', went)
		-- A row with another key, topic or user has left one place and come to another.
		ELSE format('WITH o AS MATERIALIZED (%s), n AS MATERIALIZED (%s)
			SELECT 1 AS step, o.topic, o.user_id, ''delete'' AS op, o.image, NULL::jsonb AS old
			FROM o LEFT JOIN n ON n.key = o.key AND n.topic = o.topic AND coalesce(n.user_id, '''') = coalesce(o.user_id, '''')
			WHERE n.key IS NULL
			UNION ALL
			SELECT 2, n.topic, n.user_id, CASE WHEN o.key IS NULL THEN ''insert'' ELSE ''update'' END, n.image,
				(SELECT jsonb_object_agg(b.key, b.value) FROM jsonb_each(o.image) AS b WHERE b.value IS DISTINCT FROM n.image->b.key)
			FROM n LEFT JOIN o ON n.key = o.key AND n.topic = o.topic AND coalesce(n.user_id, '''') = coalesce(o.user_id, '''')
			WHERE o.image IS DISTINCT FROM n.image', went, came)
	END;
	EXECUTE format('INSERT INTO outbox (topic, user_id, data)
		SELECT topic, user_id, logline_captured_data(jsonb_build_object(''op'', op, ''row'', image)
			|| CASE WHEN old IS NULL THEN ''{}'' ELSE jsonb_build_object(''old'', old) END, %L)
		FROM (%s) AS told ORDER BY step', own, told);
	RETURN NULL;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_capture_rows() IS 'Trigger that logline_capture() makes: puts an event for each changed row into the outbox. Who may execute it may publish any topic: only the owner of the log may, until it is granted.';
--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION logline_capture_rows() FROM PUBLIC;
--> statement-breakpoint
CREATE FUNCTION logline_capture(
	p_table regclass, p_topic text, user_column text DEFAULT NULL, columns text[] DEFAULT NULL, without text[] DEFAULT NULL
) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	missing CONSTANT text := logline_capture_missing(p_table, p_topic, logline_capture.columns || logline_capture.without || user_column);
	example CONSTANT text := regexp_replace(p_topic, '\{[^}]+\}', 'x', 'g');
	relation record;
	made record;
BEGIN
	SELECT relkind, relispartition INTO relation FROM pg_class WHERE oid = p_table;
	IF relation.relkind NOT IN ('r', 'p') OR relation.relispartition THEN
		RAISE EXCEPTION 'logline_capture: % is not a table of its own', p_table USING
			HINT = 'Name a table: of a view, the tables below it; of a partition, the table that it is a part of.';
	ELSIF p_table IN ('events'::regclass, 'outbox'::regclass) THEN
		RAISE EXCEPTION 'logline_capture: % is the log itself', p_table USING HINT = 'Name a table of the application.';
	ELSIF missing IS NOT NULL THEN
		RAISE EXCEPTION 'logline_capture: % has no column %', p_table, missing USING
			HINT = 'Name columns as they are spelled in the table: ''rooms/{room_id}/messages'', user_column => ''owner'', without => ''{secret}''.';
	ELSIF logline_capture.columns IS NOT NULL AND logline_capture.without IS NOT NULL THEN
		RAISE EXCEPTION 'logline_capture: both "columns" and "without" are given' USING
			HINT = 'Give "columns" to publish these alone, or "without" to publish all others.';
	ELSIF cardinality(logline_capture.columns) = 0 THEN
		RAISE EXCEPTION 'logline_capture: "columns" is empty' USING HINT = 'Name at least one column, for example the primary key.';
	ELSIF NOT EXISTS (SELECT FROM pg_index WHERE indrelid = p_table AND indisprimary) THEN
		RAISE EXCEPTION 'logline_capture: % has no primary key', p_table USING
			HINT = 'A primary key says which row an UPDATE has changed. Make one.';
	ELSIF p_topic LIKE '$%' OR example !~ '^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$' THEN
		RAISE EXCEPTION 'logline_capture: "%" is not a topic', p_topic USING
			HINT = 'A topic has letters, digits and ._/-, and columns in braces: ''rooms/{room_id}/messages''.';
	ELSIF EXISTS (SELECT FROM topics) AND logline_pattern_of(example) IS NULL THEN
		RAISE WARNING 'logline_capture: the topic "%" is not declared', p_topic USING
			HINT = format('Writes to %s are refused until a server has started that declares it. Declared: %s.', p_table,
				(SELECT string_agg(pattern, ', ' ORDER BY pattern) FROM topics));
	END IF;
	FOR made IN SELECT * FROM (VALUES ('insert', 'INSERT', 'REFERENCING NEW TABLE AS added'),
			('update', 'UPDATE', 'REFERENCING OLD TABLE AS removed NEW TABLE AS added'),
			('delete', 'DELETE', 'REFERENCING OLD TABLE AS removed'), ('truncate', 'TRUNCATE', '')) AS t(name, verb, tables)
	LOOP
		EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER %s ON %s %s FOR EACH STATEMENT
			EXECUTE FUNCTION logline_capture_rows(%L, %L, %L, %L)', logline_capture_name(p_topic, made.name), made.verb, p_table,
			made.tables, p_topic, coalesce(user_column, ''), coalesce(logline_capture.columns::text, ''),
			coalesce(logline_capture.without::text, ''));
	END LOOP;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_capture(regclass, text, text, text[], text[]) IS 'Makes a table live: logline_capture(''orders'', ''orders''). Each committed INSERT, UPDATE and DELETE becomes an event {"op", "row", "old"?}; "old" has the former values of what an UPDATE has changed. Columns in braces choose the topic: ''rooms/{room_id}/messages''. user_column: the events of a row are for this user alone. columns or without: which columns to publish. A row with NULL there has no event; one whose key, topic or user changes is deleted in one place and inserted in another. Rows that are written directly into a partition are not seen. Calling it again changes the options; logline_capture_stop() ends it.';
--> statement-breakpoint
CREATE FUNCTION logline_capture_name(p_topic text, p_verb text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
	SELECT format('logline_capture_%s_%s', p_verb, left(md5(p_topic), 12))
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_capture_name(text, text) IS 'Returns the name of a trigger of logline_capture().';
--> statement-breakpoint
CREATE FUNCTION logline_capture_stop(p_table regclass, p_topic text) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	verb text;
BEGIN
	IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = p_table AND tgname = logline_capture_name(p_topic, 'insert')) THEN
		RAISE EXCEPTION 'logline_capture_stop: changes of % are not captured to "%"', p_table, p_topic USING HINT = coalesce(
			'They are captured to: ' || (
				SELECT string_agg(split_part(encode(tgargs, 'escape'), '\000', 1), ', ') FROM pg_trigger
				WHERE tgrelid = p_table AND tgname LIKE 'logline\_capture\_insert\_%') || '.',
			'They are not captured at all.');
	END IF;
	FOREACH verb IN ARRAY ARRAY['insert', 'update', 'delete', 'truncate'] LOOP
		EXECUTE format('DROP TRIGGER IF EXISTS %I ON %s', logline_capture_name(p_topic, verb), p_table);
	END LOOP;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_capture_stop(regclass, text) IS 'Ends what logline_capture() began for this table and topic. The events that it made stay.';
--> statement-breakpoint
-- There is no index on time: docs/decisions/028. Times rise with the ids, nearly, so some twenty looks by the primary key find
-- where a time begins.
CREATE FUNCTION logline_id_at(p_time timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
	low bigint := coalesce((SELECT min(id) FROM events), 0);
	high bigint := coalesce((SELECT max(id) FROM events), 0) + 1;
	middle bigint;
	found bigint;
	at timestamptz;
BEGIN
	WHILE low < high LOOP
		middle := low + (high - low) / 2;
		SELECT e.id, e.created_at INTO found, at FROM events AS e WHERE e.id >= middle AND e.id < high ORDER BY e.id LIMIT 1;
		IF found IS NULL OR at >= p_time THEN
			high := middle;
		ELSE
			low := found + 1;
		END IF;
	END LOOP;
	RETURN low;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_id_at(timestamptz) IS 'Returns about the first id of a time, in a millisecond: WHERE id >= logline_id_at(now() - interval ''1 hour''). Times rise with the ids only nearly: an event that came by the outbox is as old as its write, an import may be of any time. Ask for a little more, and compare created_at, too.';
--> statement-breakpoint
-- To count the events of each topic would read the whole log. So this reads some pages of it, and says whether these were all.
CREATE FUNCTION logline_sizes(p_pages int DEFAULT 2000)
RETURNS TABLE (topic text, events bigint, bytes bigint, oldest timestamptz, newest timestamptz, exact boolean)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
	pages CONSTANT bigint := (
		SELECT coalesce(sum(pg_relation_size(relid)), 0) / current_setting('block_size')::bigint
		FROM pg_partition_tree('events') WHERE isleaf);
	percent CONSTANT double precision := least(100, 100.0 * p_pages / greatest(pages, 1));
BEGIN
	RETURN QUERY
	SELECT e.topic, round(count(*) * 100 / percent)::bigint, round(sum(e.size) * 100 / percent)::bigint,
		min(e.created_at), max(e.created_at), percent = 100
	FROM events AS e TABLESAMPLE SYSTEM (percent) GROUP BY e.topic;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_sizes(int) IS 'Events and octets of data of each topic. It reads at most about so many pages of the log; if the log has more, it estimates from these ("exact" is false), and a topic with few events may be missing.';
--> statement-breakpoint
CREATE FUNCTION logline_ends(p_topic text, OUT oldest timestamptz, OUT newest timestamptz)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
	SELECT (
		SELECT e.created_at FROM events AS e WHERE coalesce(e.user_id, '') = ANY (ARRAY['']) AND e.topic = p_topic
		ORDER BY coalesce(e.user_id, ''), e.id LIMIT 1
	), (
		SELECT e.created_at FROM events AS e WHERE coalesce(e.user_id, '') = ANY (ARRAY['']) AND e.topic = p_topic
		ORDER BY coalesce(e.user_id, '') DESC, e.id DESC LIMIT 1
	)
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_ends(text) IS 'Returns the times of the first and last event of a topic that are for everyone.';
--> statement-breakpoint
-- It names no column of events, so that these can be altered.
CREATE OR REPLACE VIEW logline_topics AS
WITH sizes AS MATERIALIZED (SELECT * FROM logline_sizes()), known AS (
	SELECT t.topic, t.pattern, d.access, d.history, d.retention, d.replay, d.description,
		(SELECT max(h.horizon) FROM topic_horizons AS h WHERE h.topic = t.topic) AS horizon,
		s.events, s.bytes, coalesce(s.exact, (SELECT bool_and(exact) FROM sizes), true) AS exact,
		CASE WHEN s.exact THEN s.oldest ELSE least(s.oldest, ends.oldest) END AS oldest,
		CASE WHEN s.exact THEN s.newest ELSE greatest(s.newest, ends.newest) END AS newest
	FROM log_topics AS t JOIN topics AS d USING (pattern) LEFT JOIN sizes AS s USING (topic)
		LEFT JOIN LATERAL logline_ends(t.topic) AS ends ON s.exact IS NOT TRUE
)
SELECT topic, pattern, access, history, retention, replay, description, horizon,
	CASE WHEN exact THEN coalesce(events, 0) ELSE events END AS events,
	CASE WHEN exact THEN coalesce(bytes, 0) ELSE bytes END AS bytes, exact, oldest, newest,
	CASE WHEN retention ~ '^\d+ s$' THEN greatest(now(), make_interval(secs => substring(retention FROM '^\d+')::double precision)
		+ coalesce((SELECT min(b.oldest) FROM retention_blocks AS b WHERE b.topic = known.topic), oldest)) END AS next_trim
FROM known;
--> statement-breakpoint
COMMENT ON VIEW logline_topics IS 'Every topic that has had an event: what is declared for it, how far it has been trimmed, its events and octets of data, and when retention trims it next. When "exact" is false, the log is too large to count, and events and bytes are estimated (null: too few to say); oldest and newest are then exact for events for everyone only.';
