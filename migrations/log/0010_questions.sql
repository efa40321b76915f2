-- What people ask the log: where grants come from, who is connected, and why somebody did or did not get an event. Written by
-- hand.
ALTER TABLE log_servers SET UNLOGGED;
--> statement-breakpoint
COMMENT ON TABLE log_servers IS 'The servers that run, with their open streams. Up to ten seconds old; a server that has stopped is removed after a minute.';
--> statement-breakpoint
COMMENT ON COLUMN log_servers.server IS 'Made by the server when it starts.';
--> statement-breakpoint
COMMENT ON COLUMN log_servers.name IS 'Host and process id.';
--> statement-breakpoint
COMMENT ON COLUMN log_servers.started_at IS 'When the server started.';
--> statement-breakpoint
COMMENT ON COLUMN log_servers.seen_at IS 'When it wrote this row.';
--> statement-breakpoint
COMMENT ON COLUMN log_servers.tail IS 'Id up to which it has read the log.';
--> statement-breakpoint
COMMENT ON COLUMN log_servers.streams IS 'Its streams: user, client, state, position, topics. See the view logline_clients.';
--> statement-breakpoint
CREATE VIEW logline_clients AS
SELECT s.value->>0 AS user_id, s.value->>1 AS client_id, s.value->>2 AS state, (s.value->>3)::bigint AS position,
	(SELECT coalesce(max(id), 0) FROM events) - (s.value->>3)::bigint AS ids_behind,
	ARRAY(SELECT jsonb_array_elements_text(s.value->4)) AS topics, server.name AS server, server.seen_at
FROM log_servers AS server CROSS JOIN LATERAL jsonb_array_elements(server.streams) AS s
WHERE server.seen_at > now() - interval '1 minute';
--> statement-breakpoint
COMMENT ON VIEW logline_clients IS 'The open streams of all servers, as of seen_at: whose, on which server, how far. Of a stream with more than a hundred topics, a hundred are listed, and "…".';
--> statement-breakpoint
CREATE VIEW logline_topics AS
SELECT t.topic, t.pattern, d.access, d.history, d.retention, d.replay, d.description,
	(SELECT max(h.horizon) FROM topic_horizons AS h WHERE h.topic = t.topic) AS horizon
FROM log_topics AS t JOIN topics AS d USING (pattern);
--> statement-breakpoint
COMMENT ON VIEW logline_topics IS 'Every topic that has had an event, with what is declared for it, and how far it has been trimmed.';
--> statement-breakpoint
-- One row per question, in the order in which they are asked. `passes` is null where the database cannot know.
CREATE FUNCTION logline_explain(p_event bigint, p_user text)
RETURNS TABLE (gate text, passes boolean, why text)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
	event record;
	declared record;
	scopes text[];
	since bigint;
	spans text;
BEGIN
	SELECT e.id, e.topic, e.user_id INTO event FROM events e WHERE e.id = p_event;
	IF NOT FOUND THEN
		RETURN QUERY SELECT 'retained', false, CASE
			WHEN p_event > (SELECT last_value FROM events_id_seq) THEN 'This id has not been given out.'
			ELSE 'There is no such event: it was trimmed or deleted, or its append was rolled back.' END;
		RETURN;
	END IF;
	RETURN QUERY SELECT 'retained', true, format('It is in the log, of topic "%s".', event.topic);
	SELECT d.* INTO declared FROM topics d WHERE d.pattern = logline_pattern_of(event.topic);
	IF declared.pattern IS NULL THEN
		RETURN QUERY SELECT 'declared', false, 'No declaration: nobody can subscribe to the topic.';
		RETURN;
	END IF;
	RETURN QUERY SELECT 'declared', true, format('Declared as "%s".', declared.pattern);
	RETURN QUERY SELECT 'audience', event.user_id IS NULL OR event.user_id = p_user, CASE
		WHEN event.user_id IS NULL THEN 'It is for everyone who may see the topic.'
		ELSE format('It is for user "%s" alone.', event.user_id) END;
	IF declared.access = 'granted' THEN
		scopes := ARRAY(SELECT s FROM logline_scopes(event.topic) AS s WHERE s ~ declared.scope_regex);
		since := logline_granted_since(p_user, scopes);
		SELECT string_agg(format('%s from event %s %s', scope, from_id, coalesce('until event ' || until_id, 'on')), '; ' ORDER BY from_id)
		INTO spans FROM grant_history WHERE user_id = p_user AND scope = ANY (scopes);
		RETURN QUERY SELECT 'access', since IS NOT NULL AND EXISTS (
				SELECT FROM grants g WHERE g.user_id = p_user AND g.scope = ANY (scopes)),
			format('Needs a grant for %s. Granted: %s.', array_to_string(scopes, ' or '), coalesce(spans, 'never'));
		IF declared.history = 'since-granted' THEN
			RETURN QUERY SELECT 'history', coalesce(event.id > since, false), format(
				'Only events after the grant are seen; it lasts since event %s.', coalesce(since::text, '(none)'));
		END IF;
		RETURN QUERY SELECT 'access then', EXISTS (
				SELECT FROM grant_history h WHERE h.user_id = p_user AND h.scope = ANY (scopes)
					AND h.from_id < event.id AND (h.until_id IS NULL OR h.until_id > event.id)),
			'Whether the user could see the topic when the event was appended.';
	ELSE
		RETURN QUERY SELECT 'access', CASE declared.access WHEN 'signed-in' THEN true END, CASE declared.access
			WHEN 'signed-in' THEN 'Every signed-in user may see the topic.'
			ELSE 'A rule of the application decides.' END;
	END IF;
	RETURN QUERY SELECT 'stream', c.position >= event.id, format('Client "%s" on %s is at event %s (%s, %s s ago).',
			c.client_id, c.server, c.position, c.state, round(extract(epoch FROM now() - c.seen_at)))
		FROM logline_clients c WHERE c.user_id = p_user AND (event.topic = ANY (c.topics) OR '…' = ANY (c.topics));
	IF NOT FOUND THEN
		RETURN QUERY SELECT 'stream', false, 'No open stream of the user carries the topic. It gets the event when it comes back.';
	END IF;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_explain(bigint, text) IS 'Why did (not) this user get this event: each gate on its way, whether it passes, and why.';
--> statement-breakpoint
-- Keeps grants in step with a table of the application. The table must have at most one row for each scope and user: with two,
-- the deletion of one would have to look for the other, which another transaction may be deleting, too.
CREATE FUNCTION logline_grants_from(p_table regclass, p_scope text, p_user text DEFAULT 'user_id') RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	columns text[] := ARRAY(SELECT m[1] FROM regexp_matches(p_scope, '\{([^}]+)\}', 'g') AS m) || p_user;
	missing text := (
		SELECT string_agg(c, ', ') FROM unnest(columns) AS c WHERE NOT EXISTS (
			SELECT FROM pg_attribute WHERE attrelid = p_table AND attname = c AND attnum > 0 AND NOT attisdropped));
	added bigint;
BEGIN
	IF cardinality(columns) < 2 OR missing IS NOT NULL THEN
		RAISE EXCEPTION 'logline_grants_from: "%" does not fit the table %', p_scope, p_table USING
			HINT = coalesce('The table has no column ' || missing || '.', 'Name the columns in braces: ''rooms/{room_id}''.');
	END IF;
	IF NOT EXISTS (
		SELECT FROM pg_index i WHERE i.indrelid = p_table AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
			AND i.indexprs IS NULL AND ARRAY(
				SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = p_table AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])
			) <@ columns
	) THEN
		RAISE EXCEPTION 'logline_grants_from: % may have several rows for one scope and user', p_table USING
			HINT = format('Make (%s) unique: a primary key, or a unique index.', array_to_string(columns, ', '));
	END IF;
	EXECUTE format('DROP TRIGGER IF EXISTS logline_grants_insert ON %1$s; DROP TRIGGER IF EXISTS logline_grants_update ON %1$s;
		DROP TRIGGER IF EXISTS logline_grants_delete ON %1$s; DROP TRIGGER IF EXISTS logline_grants_truncate ON %1$s;', p_table);
	EXECUTE format('CREATE TRIGGER logline_grants_insert AFTER INSERT ON %s REFERENCING NEW TABLE AS added
		FOR EACH STATEMENT EXECUTE FUNCTION logline_mirror_grants(%L, %L)', p_table, p_scope, p_user);
	EXECUTE format('CREATE TRIGGER logline_grants_update AFTER UPDATE ON %s REFERENCING OLD TABLE AS removed NEW TABLE AS added
		FOR EACH STATEMENT EXECUTE FUNCTION logline_mirror_grants(%L, %L)', p_table, p_scope, p_user);
	EXECUTE format('CREATE TRIGGER logline_grants_delete AFTER DELETE ON %s REFERENCING OLD TABLE AS removed
		FOR EACH STATEMENT EXECUTE FUNCTION logline_mirror_grants(%L, %L)', p_table, p_scope, p_user);
	EXECUTE format('CREATE TRIGGER logline_grants_truncate AFTER TRUNCATE ON %s
		FOR EACH STATEMENT EXECUTE FUNCTION logline_mirror_grants(%L, %L)', p_table, p_scope, p_user);
	EXECUTE format('INSERT INTO grants (scope, user_id, source) SELECT %s, %I::text, %L FROM %s ON CONFLICT DO NOTHING',
		logline_scope_expression(p_scope), p_user, p_table::text, p_table);
	GET DIAGNOSTICS added = ROW_COUNT;
	RETURN added;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_grants_from(regclass, text, text) IS 'Keeps grants in step with a table: logline_grants_from(''room_members'', ''rooms/{room_id}''). Each row of the table grants its scope to its user; triggers follow later changes. Returns how many grants the present rows gave. Call it again after the table was renamed.';
--> statement-breakpoint
-- 'rooms/{room_id}' becomes the SQL expression 'rooms/' || "room_id"::text || ''.
CREATE FUNCTION logline_scope_expression(p_scope text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
	SELECT string_agg(CASE WHEN part LIKE '{%' THEN format('%I::text', trim(BOTH '{}' FROM part)) ELSE format('%L', part) END, ' || ' ORDER BY n)
	FROM regexp_matches(p_scope, '\{[^}]+\}|[^{}]+', 'g') WITH ORDINALITY AS m(parts, n), unnest(parts) AS part
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_scope_expression(text) IS 'Returns the SQL expression of a scope with columns in braces.';
--> statement-breakpoint
CREATE FUNCTION logline_mirror_grants() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	scope text := logline_scope_expression(TG_ARGV[0]);
	own text := TG_RELID::regclass::text;
BEGIN
	IF TG_OP = 'TRUNCATE' THEN
		DELETE FROM grants WHERE source = own;
		RETURN NULL;
	END IF;
	-- What an UPDATE does not change must not be taken back for a moment: nothing would be lost, but work be done.
	IF TG_OP = 'UPDATE' THEN
		EXECUTE format('DELETE FROM grants g USING (SELECT %1$s AS scope, %2$I::text AS user_id FROM removed
			EXCEPT SELECT %1$s, %2$I::text FROM added) AS r
			WHERE g.scope = r.scope AND g.user_id = r.user_id AND g.source = %3$L', scope, TG_ARGV[1], own);
	ELSIF TG_OP = 'DELETE' THEN
		EXECUTE format('DELETE FROM grants g USING (SELECT %1$s AS scope, %2$I::text AS user_id FROM removed) AS r
			WHERE g.scope = r.scope AND g.user_id = r.user_id AND g.source = %3$L', scope, TG_ARGV[1], own);
	END IF;
	IF TG_OP IN ('INSERT', 'UPDATE') THEN
		EXECUTE format('INSERT INTO grants (scope, user_id, source) SELECT %1$s, %2$I::text, %3$L FROM added ON CONFLICT DO NOTHING',
			scope, TG_ARGV[1], own);
	END IF;
	RETURN NULL;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_mirror_grants() IS 'Trigger that logline_grants_from() makes: gives and takes back the grants of the rows that changed.';
