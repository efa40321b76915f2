-- The comparison of a followed table with its grants, and what may happen to the table meanwhile. Written by hand.
--
-- Postgres reads a table's partitions with it, and their indexes have predicates of their own, which are code.
CREATE OR REPLACE FUNCTION logline_may_read(p_table regclass) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	RETURN coalesce((
		WITH RECURSIVE family AS (
			SELECT p_table::oid AS oid UNION SELECT i.inhrelid FROM family AS f JOIN pg_inherits AS i ON i.inhparent = f.oid
		)
		SELECT bool_and(logline_trusts(relowner)) AND has_table_privilege(p_table, 'SELECT') AND NOT row_security_active(p_table)
		FROM family JOIN pg_class USING (oid)), false);
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_may_read(regclass) IS 'True when the owner of the log may read all rows of a table, and runs no code of others by it: predicates of indexes, policies, also those of its partitions and of tables that inherit from it.';
--> statement-breakpoint
-- The comparison asks this of every row: "+" and a length take a sixteenth of the time that "{1,64}" takes.
CREATE OR REPLACE FUNCTION logline_topic_expression(p_table regclass, p_topic text, p_mode text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
	IF p_topic NOT LIKE '%{%' THEN
		RETURN quote_literal(p_topic);
	END IF;
	RETURN (
		SELECT string_agg(CASE WHEN part LIKE '{%' THEN format(CASE p_mode
				WHEN 'strict' THEN 'logline_captured(%3$s, %1$L, %2$L)'
				WHEN 'lenient' THEN 'CASE WHEN (%3$s) COLLATE "C" ~ ''^[A-Za-z0-9_-]+$'' AND length(%3$s) <= 64 THEN %3$s END'
				ELSE '(%3$s)' END,
				trim(BOTH '{}' FROM part), p_table::text, logline_text_expression(p_table, trim(BOTH '{}' FROM part))
			) ELSE format('%L', part) END, ' || ' ORDER BY n)
		FROM regexp_matches(p_topic, '\{[^}]+\}|[^{}]+', 'g') WITH ORDINALITY AS m(parts, n), unnest(parts) AS part);
END
$$;
--> statement-breakpoint
-- With an older snapshot than that of its statement, a transaction does not see what was committed since.
CREATE FUNCTION logline_sees_old_rows() RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
	SELECT current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted')
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_sees_old_rows() IS 'True in a transaction that does not see what others have committed since it began: REPEATABLE READ, SERIALIZABLE.';
--> statement-breakpoint
CREATE FUNCTION logline_grantable(p_scope text) RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
	SELECT octet_length(p_scope) <= 200 AND p_scope ~ '^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$'
		AND (EXISTS (SELECT FROM topics WHERE p_scope ~ scope_regex) OR NOT EXISTS (SELECT FROM topics))
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_grantable(text) IS 'True when grants takes a scope: its length, its form, and that a declared topic has it.';
--> statement-breakpoint
CREATE FUNCTION logline_grants_lost(p_source text, p_present text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
	SELECT format('g.source = %L AND NOT EXISTS (
		SELECT FROM (%s) AS p WHERE p.scope = g.scope AND p.user_id = g.user_id)', p_source, p_present)
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_grants_lost(text, text) IS 'Returns the condition of grants g of a source that are not among the pairs of a query.';
--> statement-breakpoint
-- Row security would hide rows, and so take grants back: "off" makes it an error.
CREATE OR REPLACE FUNCTION logline_grants_compare(p_table regclass, p_scope text, p_user text, p_source text, p_mode text) RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT SET row_security = off AS $$
DECLARE
	present CONSTANT text := logline_grants_pairs(p_table, p_scope, p_user, p_mode, logline_full_name(p_table) || ' AS r');
	added bigint;
BEGIN
	EXECUTE format('INSERT INTO grants (scope, user_id, source) SELECT scope, user_id, %L FROM (%s) AS p ON CONFLICT DO NOTHING',
		p_source, present);
	GET DIAGNOSTICS added = ROW_COUNT;
	EXECUTE 'DELETE FROM grants AS g WHERE ' || logline_grants_lost(p_source, present);
	RETURN added;
END
$$;
--> statement-breakpoint
-- A transaction with an old snapshot does not see a grant that was given since, so it cannot take it back. To give it once
-- more makes Postgres see it, and refuse: serialization_failure (40001). Such a transaction is tried again.
CREATE OR REPLACE FUNCTION logline_mirror_grants() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET row_security = off AS $$
DECLARE
	scope CONSTANT text := TG_ARGV[0];
	who CONSTANT text := TG_ARGV[1];
	origin CONSTANT text := coalesce(TG_ARGV[2], TG_RELID::regclass::text);
	key record;
	present text;
	gone text;
BEGIN
	PERFORM logline_grants_missing(TG_RELID, scope, who);
	IF TG_OP = 'TRUNCATE' THEN
		IF logline_may_read(TG_RELID) THEN
			PERFORM logline_grants_compare(TG_RELID, scope, who, origin, 'lenient');
		ELSE
			DELETE FROM grants WHERE source = origin;
		END IF;
		RETURN NULL;
	END IF;
	key := logline_grants_index(TG_RELID, scope, who);
	present := logline_grants_pairs(TG_RELID, scope, who, CASE TG_OP WHEN 'DELETE' THEN 'lenient' ELSE 'strict' END,
		logline_touched_expression(TG_RELID, '*', key.names, key.operators, TG_OP));
	-- What an UPDATE does not change must not be taken back for a moment: nothing would be lost, but work be done.
	IF TG_OP <> 'INSERT' THEN
		gone := format('%s EXCEPT %s', logline_grants_pairs(TG_RELID, scope, who, 'raw', 'removed AS r'), present);
		IF logline_sees_old_rows() THEN
			EXECUTE format('INSERT INTO grants (scope, user_id, source) SELECT p.scope, p.user_id, %L FROM (%s) AS p
				WHERE logline_grantable(p.scope) AND octet_length(p.user_id) BETWEEN 1 AND 200 ON CONFLICT DO NOTHING', origin, gone);
		END IF;
		EXECUTE format('DELETE FROM grants AS g USING (%s) AS p
			WHERE g.scope = p.scope AND g.user_id = p.user_id AND g.source = %L', gone, origin);
	END IF;
	IF TG_OP <> 'DELETE' THEN
		EXECUTE format('INSERT INTO grants (scope, user_id, source) SELECT scope, user_id, %L FROM (%s) AS p ON CONFLICT DO NOTHING',
			origin, present);
	END IF;
	RETURN NULL;
END
$$;
--> statement-breakpoint
-- Its name may have gone to another table since it was looked up: the lock is on what has the name now.
CREATE FUNCTION logline_grants_hold(p_table regclass) RETURNS boolean
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	name text := logline_full_name(p_table);
BEGIN
	IF NOT logline_may_read(p_table) THEN
		RETURN false;
	END IF;
	BEGIN
		EXECUTE format('LOCK TABLE %s IN ACCESS SHARE MODE', name);
	EXCEPTION WHEN undefined_table OR invalid_schema_name THEN
		name := NULL;
	END;
	IF to_regclass(name) IS DISTINCT FROM p_table THEN
		RAISE EXCEPTION 'a table was replaced while it was compared with its grants' USING
			ERRCODE = 'lock_not_available', HINT = 'Compare it again.';
	END IF;
	RETURN logline_may_read(p_table);
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_grants_hold(regclass) IS 'Keeps a table from being dropped or renamed until the end of the transaction, and raises an error that passes when that has just happened. False: the owner of the log may not read it.';
--> statement-breakpoint
-- Several tables have one source when one was renamed and a copy of it was restored under its old name. Each of them gives.
CREATE FUNCTION logline_grants_present(p_source text, p_tables regclass[], p_mode text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
	mirror record;
	queries text[];
BEGIN
	FOR mirror IN SELECT * FROM logline_grants_mirrors() AS m WHERE m.source = p_source AND NOT m.old AND m.mirrored = ANY (p_tables) LOOP
		PERFORM logline_grants_missing(mirror.mirrored, mirror.scope, mirror.user_column);
		queries := queries || logline_grants_pairs(mirror.mirrored, mirror.scope, mirror.user_column, p_mode,
			logline_full_name(mirror.mirrored) || ' AS r');
	END LOOP;
	RETURN array_to_string(queries, ' UNION ALL ');
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_grants_present(text, regclass[], text) IS 'Returns the query of the scopes and users of all rows of those tables that have a source. Null: none has.';
--> statement-breakpoint
-- The tables are compared without a lock that a writer of grants would wait for. What differs is then looked at again, under
-- the lock, because somebody may just be writing it: without it, a grant could be given for a row that is just being deleted.
-- The lock is waited for half a second at most, because writers of grants queue behind who waits. The log goes on: it needs
-- no more than ACCESS SHARE.
--
-- A nested loop over two tables of a million rows would not end, and without statistics Postgres may choose one.
CREATE OR REPLACE FUNCTION logline_sweep_mirror(p_source text, p_rows int DEFAULT 5000) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET row_security = off SET lock_timeout = '500ms' SET enable_nestloop = off AS $$
DECLARE
	followed CONSTANT regclass[] := ARRAY(
		SELECT DISTINCT m.mirrored FROM logline_grants_mirrors() AS m WHERE m.source = p_source AND NOT m.old ORDER BY 1);
	one regclass;
	present text; -- SQL: the pairs of the tables
	lost text; -- SQL: true for a grant g without a row
	places tid[]; -- of such grants
	scopes text[]; -- of pairs of rows without a grant
	users text[];
	refused record; -- rows of which no grant can be made
BEGIN
	IF logline_sees_old_rows() THEN
		RAISE EXCEPTION 'logline_sweep_mirror needs READ COMMITTED' USING
			ERRCODE = 'object_not_in_prerequisite_state',
			HINT = 'Call it in a transaction of its own: BEGIN ISOLATION LEVEL READ COMMITTED.';
	END IF;
	FOREACH one IN ARRAY followed LOOP
		IF NOT logline_grants_hold(one) THEN
			RETURN NULL;
		END IF;
	END LOOP;
	present := logline_grants_present(p_source, followed, 'lenient');
	IF present IS NULL THEN
		RETURN NULL;
	END IF;
	lost := logline_grants_lost(p_source, present);
	-- First what has no row: nothing may keep it from being taken back.
	EXECUTE format('SELECT ARRAY(SELECT g.ctid FROM grants AS g WHERE %s LIMIT %s)', lost, p_rows) INTO places;
	IF cardinality(places) > 0 THEN
		LOCK TABLE grants IN SHARE ROW EXCLUSIVE MODE;
		EXECUTE 'DELETE FROM grants AS g WHERE g.ctid = ANY ($1) AND ' || lost USING places;
		RETURN cardinality(places);
	END IF;
	EXECUTE format('SELECT array_agg(scope), array_agg(user_id) FROM (
		WITH absent AS MATERIALIZED (SELECT p.scope, p.user_id FROM (%s) AS p WHERE NOT EXISTS (
			SELECT FROM grants AS g WHERE g.source = %L AND g.scope = p.scope AND g.user_id = p.user_id))
		SELECT scope, user_id FROM absent WHERE logline_grantable(scope) LIMIT %s) AS page', present, p_source, p_rows)
	INTO scopes, users;
	IF cardinality(scopes) > 0 THEN
		LOCK TABLE grants IN SHARE ROW EXCLUSIVE MODE;
		EXECUTE format('INSERT INTO grants (scope, user_id, source) SELECT p.scope, p.user_id, %L FROM (%s) AS p
			WHERE (p.scope, p.user_id) IN (SELECT * FROM unnest($1, $2)) ON CONFLICT DO NOTHING', p_source, present) USING scopes, users;
		RETURN cardinality(scopes);
	END IF;
	-- All else is done, so a row that still has no grant can have none.
	EXECUTE format('SELECT count(*) AS n, min(format(''"%%s" to "%%s"'', left(p.scope, 70), left(p.user_id, 70))) AS one
		FROM (%s) AS p WHERE NOT EXISTS (
			SELECT FROM grants AS g WHERE g.source = %L AND g.scope = p.scope AND g.user_id = p.user_id)',
		logline_grants_present(p_source, followed, 'raw'), p_source) INTO refused;
	IF refused.n > 0 THEN
		RAISE EXCEPTION 'rows of % that cannot be granted: %, for example %', array_to_string(followed, ', '), refused.n, refused.one USING
			ERRCODE = 'check_violation',
			HINT = 'Change them; all others are granted. A value in a topic has 1 to 64 characters of A-Z a-z 0-9 _ -, a user id 1 to 200 octets. A scope has 200 octets at most, and is the beginning of a declared topic.';
	END IF;
	RETURN 0;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_sweep_mirror(text, int) IS 'Compares the tables that logline_grants_from() follows with the grants of their source, and repairs what no trigger has seen, a page at a time: grants without a row first. Returns how many differed. 0: they are the same. Null: no table has this source, or the owner of the log may not read it. Rows that cannot be granted are an error (check_violation) when all others are granted. Call it in a transaction of its own, READ COMMITTED, for one source. The servers call it every ten minutes.';
