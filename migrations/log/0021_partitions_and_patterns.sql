-- What no trigger has seen, of tables that give grants; and patterns that were renamed. Written by hand.
--
-- Triggers on a partition do not see statements on its table, and those of a table do not see statements on a partition.
CREATE OR REPLACE FUNCTION logline_grants_from(p_table regclass, p_scope text, p_user text DEFAULT 'user_id') RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	missing CONSTANT text := logline_capture_missing(p_table, p_scope, ARRAY[p_user]);
	relation record;
	chosen text;
	n int := 0;
BEGIN
	SELECT relkind, relispartition INTO relation FROM pg_class WHERE oid = p_table;
	IF p_table IS NULL OR p_user IS NULL OR p_scope IS NULL OR p_scope !~ '\{[^}]+\}' OR missing IS NOT NULL THEN
		RAISE EXCEPTION 'logline_grants_from: "%" does not fit the table %', p_scope, p_table USING HINT = CASE
			WHEN missing IS NOT NULL THEN 'The table has no column ' || missing || '.'
			WHEN p_user IS NULL THEN 'Name the column of the user: ''user_id''.'
			ELSE 'Name the columns in braces: ''rooms/{room_id}''.' END;
	ELSIF regexp_replace(p_scope, '\{[^}]+\}', 'x', 'g') !~ '^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$' THEN
		RAISE EXCEPTION 'logline_grants_from: "%" is not a scope', p_scope USING
			HINT = 'A scope is the beginning of a topic, with columns in braces: ''rooms/{room_id}''.';
	ELSIF relation.relkind NOT IN ('r', 'p') THEN
		RAISE EXCEPTION 'logline_grants_from: % is not a table', p_table USING HINT = 'Of a view, name the tables below it.';
	ELSIF relation.relispartition THEN
		RAISE EXCEPTION 'logline_grants_from: % is a partition', p_table USING
			HINT = format('Its triggers do not see statements on the table that it is a part of. Name that table: logline_grants_from(%L, %L, %L).',
				pg_partition_root(p_table)::regclass, p_scope, p_user);
	ELSIF NOT logline_may_read(p_table) THEN
		RAISE WARNING 'logline_grants_from: the owner of the log cannot read all of %, or does not trust its owner', p_table USING
			HINT = 'It follows what statements say. When a trigger of the table changes a row again at once, grants may differ from the table.';
	END IF;
	-- The source goes with the table when it is renamed, so another table may have come to its name.
	SELECT source INTO chosen FROM logline_grants_mirrors() AS m
	WHERE m.mirrored = p_table AND m.scope = p_scope AND m.user_column = p_user;
	WHILE chosen IS NULL OR n > 0 AND EXISTS (SELECT FROM logline_grants_mirrors() WHERE source = chosen) LOOP
		chosen := concat_ws(' ', p_table, CASE WHEN n > 0 THEN p_scope END, CASE WHEN n > 1 THEN n END);
		IF octet_length(chosen) > 200 THEN
			chosen := 'table ' || md5(chosen);
		END IF;
		n := n + 1;
	END LOOP;
	RETURN logline_grants_follow(p_table, p_scope, p_user, chosen, 'strict');
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_grants_from(regclass, text, text) IS 'Keeps grants in step with a table: logline_grants_from(''room_members'', ''rooms/{room_id}''). Each row of the table grants its scope to its user; triggers follow later changes. A row with NULL there grants nothing; a value that cannot be part of a topic is refused. One table may give grants for several scopes. Returns how many grants the present rows gave. After a rename of the table nothing needs to be done. What the triggers do not see, the servers see within ten minutes: statements on a partition of the table, a partition that is attached or detached, changes while triggers are off. logline_grants_from_stop() ends it.';
--> statement-breakpoint
-- The lock keeps triggers that give and take grants from doing so between the look at a table and the change of its grants.
-- Without it, a grant could be given for a row that is just being deleted. It is taken only when there is something to
-- repair, for one page. It is waited for half a second at most, because writers of grants queue behind who waits. The log
-- goes on: it needs no more than ACCESS SHARE.
--
-- A nested loop over two tables of a million rows would not end, and without statistics Postgres may choose one.
CREATE FUNCTION logline_sweep_mirror(p_source text, p_rows int DEFAULT 5000) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET row_security = off SET lock_timeout = '500ms' SET enable_nestloop = off AS $$
DECLARE
	mirror record;
	present text; -- SQL: the pairs of the table
	lost text; -- SQL: grants without a row
	gained text; -- SQL: pairs of rows without a grant
	differs boolean;
	changed int;
BEGIN
	SELECT * INTO mirror FROM logline_grants_mirrors() AS m WHERE m.source = p_source AND NOT m.old;
	IF NOT FOUND OR NOT logline_may_read(mirror.mirrored) THEN
		RETURN 0;
	END IF;
	PERFORM logline_grants_missing(mirror.mirrored, mirror.scope, mirror.user_column);
	present := logline_grants_pairs(mirror.mirrored, mirror.scope, mirror.user_column, 'lenient',
		logline_full_name(mirror.mirrored) || ' AS r');
	lost := format('SELECT g.ctid AS place FROM grants AS g WHERE g.source = %L AND NOT EXISTS (
		SELECT FROM (%s) AS p WHERE p.scope = g.scope AND p.user_id = g.user_id)', p_source, present);
	gained := format('SELECT p.scope, p.user_id FROM (%s) AS p WHERE NOT EXISTS (
		SELECT FROM grants AS g WHERE g.source = %L AND g.scope = p.scope AND g.user_id = p.user_id)', present, p_source);
	EXECUTE format('SELECT EXISTS (%s) OR EXISTS (%s)', lost, gained) INTO differs;
	IF NOT differs THEN
		RETURN 0;
	END IF;
	LOCK TABLE grants IN SHARE ROW EXCLUSIVE MODE;
	EXECUTE format('DELETE FROM grants WHERE ctid = ANY (ARRAY(%s LIMIT %s))', lost, p_rows);
	GET DIAGNOSTICS changed = ROW_COUNT;
	IF changed > 0 THEN -- a row that cannot be granted must not keep a grant that has no row
		RETURN changed;
	END IF;
	EXECUTE format('INSERT INTO grants (scope, user_id, source) SELECT scope, user_id, %L FROM (%s LIMIT %s) AS p
		ON CONFLICT DO NOTHING', p_source, gained, p_rows);
	GET DIAGNOSTICS changed = ROW_COUNT;
	RETURN changed;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_sweep_mirror(text, int) IS 'Compares a table that logline_grants_from() follows with the grants of its source, and repairs what no trigger has seen, a page at a time: grants without a row first. Returns how many; 0: they are the same. The servers call it now and then.';
--> statement-breakpoint
-- A pattern that was renamed is still there under its old name: a start removes none. Both have the same topics, so the one
-- that was declared last counts.
CREATE OR REPLACE FUNCTION logline_pattern_of(p_topic text) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
	SELECT coalesce(
		(SELECT pattern FROM topics WHERE pattern = p_topic AND scope_regex IS NULL AND durable),
		(SELECT pattern FROM topics WHERE scope_regex IS NOT NULL AND durable AND p_topic ~ topic_regex
			ORDER BY declared_at DESC, pattern LIMIT 1)
	)
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_pattern_of(text) IS 'Returns the declared name or pattern of a topic, of several patterns the one that was declared last; null: it is not declared, or it is a signal, which has no events.';
--> statement-breakpoint
-- Of an event that was trimmed, a dead letter does not know the user. What the handler said of it may name one, and no call
-- would find it.
UPDATE dead_letters SET error = 'It was trimmed before it could be handled.'
WHERE consumer IS NOT NULL AND user_id IS NULL AND data = 'null' AND error LIKE 'It was trimmed before it could be handled. %';
