-- Mirrors: tables of the application that give grants (logline_grants_from) or become events (logline_capture). Written by hand.
-- The reasons are in docs/decisions/043.
--
-- A trigger does not believe what its statement has changed: a trigger of the application may have changed the same rows since.
-- It looks at the rows as the table has them now. And it runs as the owner of the log, so it runs no code of other roles.
CREATE FUNCTION logline_trusts(p_role oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
	RETURN (SELECT rolsuper OR rolname = current_user FROM pg_roles WHERE oid = p_role);
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_trusts(oid) IS 'True when a role is the current one or a superuser. Code of others must not run in the name of the owner of the log.';
--> statement-breakpoint
-- A cast to text or json is a function of the type's owner, who can replace it at any time.
CREATE FUNCTION logline_trusts_type(p_type oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
	kind record;
BEGIN
	IF p_type < 16384 THEN -- a type of Postgres itself
		RETURN true;
	END IF;
	SELECT typtype, typbasetype, typelem, typrelid, typowner INTO kind FROM pg_type WHERE oid = p_type;
	IF kind.typtype = 'd' THEN
		RETURN logline_trusts_type(kind.typbasetype);
	END IF;
	RETURN logline_trusts(kind.typowner) AND (kind.typelem = 0 OR logline_trusts_type(kind.typelem)) AND NOT EXISTS (
		SELECT FROM pg_attribute WHERE attrelid = kind.typrelid AND attnum > 0 AND NOT attisdropped
			AND NOT logline_trusts_type(atttypid));
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_trusts_type(oid) IS 'True when only the current role and superusers can write casts of a type and of what it consists of.';
--> statement-breakpoint
CREATE FUNCTION logline_may_read(p_table regclass) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	RETURN (
		SELECT logline_trusts(relowner) AND has_table_privilege(p_table, 'SELECT') AND NOT row_security_active(p_table)
		FROM pg_class WHERE oid = p_table);
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_may_read(regclass) IS 'True when the owner of the log may read all rows of a table, and runs no code of others by it: predicates of indexes, policies.';
--> statement-breakpoint
CREATE FUNCTION logline_base_type(p_type oid) RETURNS oid
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
	kind record;
BEGIN
	IF p_type < 16384 THEN
		RETURN p_type;
	END IF;
	SELECT typtype, typbasetype INTO kind FROM pg_type WHERE oid = p_type;
	RETURN CASE WHEN kind.typtype = 'd' THEN logline_base_type(kind.typbasetype) ELSE p_type END;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_base_type(oid) IS 'Returns the type below a domain, or the type itself.';
--> statement-breakpoint
-- format() asks the type for its text form, and not for its casts. DISTINCT FROM NULL is also true for a row of nulls.
CREATE FUNCTION logline_text_expression(p_table regclass, p_column text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
	type CONSTANT oid := (
		SELECT atttypid FROM pg_attribute WHERE attrelid = p_table AND attname = p_column AND attnum > 0 AND NOT attisdropped);
BEGIN
	IF logline_trusts_type(type) THEN
		RETURN format('r.%I::text', p_column);
	END IF;
	RETURN format('CASE WHEN r.%1$I IS DISTINCT FROM NULL THEN format(''%%s'', r.%1$I) END', p_column);
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_text_expression(regclass, text) IS 'Returns the SQL expression of a column of the row r as text. It runs no code of roles that are not trusted.';
--> statement-breakpoint
CREATE FUNCTION logline_json_expression(p_type oid, p_column text, p_table text, p_strict boolean) RETURNS text
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
	IF logline_base_type(p_type) = 'json'::regtype THEN
		RETURN format('logline_captured_json(r.%1$I::json, %1$L, %2$L, %3$L) AS %1$I', p_column, p_table, p_strict);
	ELSIF logline_trusts_type(p_type) THEN
		RETURN format('r.%I', p_column);
	ELSIF (SELECT typelem <> 0 AND typcategory = 'A' FROM pg_type WHERE oid = logline_base_type(p_type)) THEN
		RETURN format('CASE WHEN r.%1$I IS NOT NULL THEN format(''%%s'', r.%1$I)::text[] END AS %1$I', p_column);
	END IF;
	RETURN format('CASE WHEN r.%1$I IS DISTINCT FROM NULL THEN format(''%%s'', r.%1$I) END AS %1$I', p_column);
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_json_expression(oid, text, text, boolean) IS 'Returns the SQL expression of a column of the row r from which JSON is made. It runs no code of roles that are not trusted.';
--> statement-breakpoint
CREATE FUNCTION logline_captured_json(p_value json, p_column text, p_table text, p_strict boolean) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
BEGIN
	RETURN p_value::jsonb;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
	IF NOT p_strict THEN
		RETURN NULL;
	END IF;
	RAISE EXCEPTION 'the value in column % of % cannot be part of an event: %', quote_ident(p_column), p_table, SQLERRM USING
		ERRCODE = 'check_violation',
		HINT = 'An event is jsonb, which has no U+0000, no half of a surrogate pair and no endless number. Change the value, or call logline_capture() again and leave the column out: without => ''{' || p_column || '}''.';
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_captured_json(json, text, text, boolean) IS 'Returns a column of type json for an event. What jsonb cannot have is refused, or is NULL in a row that leaves.';
--> statement-breakpoint
CREATE OR REPLACE FUNCTION logline_captured(p_value text, p_column text, p_table text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
BEGIN
	IF p_value COLLATE "C" ~ '^[A-Za-z0-9_-]{1,64}$' OR p_value IS NULL THEN
		RETURN p_value;
	END IF;
	RAISE EXCEPTION 'the value "%" in column % of % cannot be part of a topic', left(p_value, 70), quote_ident(p_column), p_table USING
		ERRCODE = 'check_violation',
		HINT = 'It must have 1 to 64 characters of A-Z a-z 0-9 _ - (or be NULL: then there is no event, and no grant). Change the value, or end this with logline_capture_stop() or logline_grants_from_stop().';
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_captured(text, text, text) IS 'Returns a value that becomes a part of a topic or a scope, and refuses one that cannot.';
--> statement-breakpoint
CREATE FUNCTION logline_captured_user(p_value text, p_column text, p_table text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
BEGIN
	IF octet_length(p_value) BETWEEN 1 AND 200 OR p_value IS NULL THEN
		RETURN p_value;
	END IF;
	RAISE EXCEPTION 'the value "%" in column % of % cannot be a user id', left(p_value, 70), quote_ident(p_column), p_table USING
		ERRCODE = 'check_violation',
		HINT = 'A user id has 1 to 200 octets (or is NULL: then there is no event, and no grant). Change the value, or end this with logline_capture_stop() or logline_grants_from_stop().';
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_captured_user(text, text, text) IS 'Returns a value that becomes a user id, and refuses one that cannot.';
--> statement-breakpoint
-- 'rooms/{room_id}' becomes 'rooms/' || logline_captured(r."room_id"::text, …). Of a row that leaves, a value that is no part of
-- a topic is NULL: it was never in one.
CREATE FUNCTION logline_topic_expression(p_table regclass, p_topic text, p_mode text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
	IF p_topic NOT LIKE '%{%' THEN
		RETURN quote_literal(p_topic);
	END IF;
	RETURN (
		SELECT string_agg(CASE WHEN part LIKE '{%' THEN format(CASE p_mode
				WHEN 'strict' THEN 'logline_captured(%3$s, %1$L, %2$L)'
				WHEN 'lenient' THEN 'substring((%3$s) COLLATE "C" FROM ''^[A-Za-z0-9_-]{1,64}$'')'
				ELSE '(%3$s)' END,
				trim(BOTH '{}' FROM part), p_table::text, logline_text_expression(p_table, trim(BOTH '{}' FROM part))
			) ELSE format('%L', part) END, ' || ' ORDER BY n)
		FROM regexp_matches(p_topic, '\{[^}]+\}|[^{}]+', 'g') WITH ORDINALITY AS m(parts, n), unnest(parts) AS part);
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_topic_expression(regclass, text, text) IS 'Returns the SQL expression of a topic or scope with columns in braces. Values that cannot be a part of it are refused (strict), NULL (lenient) or taken as they are (raw).';
--> statement-breakpoint
CREATE FUNCTION logline_user_expression(p_table regclass, p_user text, p_mode text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
	RETURN CASE WHEN p_user IS NULL THEN 'NULL::text' ELSE format(CASE p_mode
			WHEN 'strict' THEN 'logline_captured_user(%3$s, %1$L, %2$L)'
			WHEN 'lenient' THEN 'CASE WHEN octet_length(%3$s) BETWEEN 1 AND 200 THEN %3$s END'
			ELSE '%3$s' END, p_user, p_table::text, logline_text_expression(p_table, p_user)) END;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_user_expression(regclass, text, text) IS 'Returns the SQL expression of a user id. Values that cannot be one are refused (strict), NULL (lenient) or taken as they are (raw).';
--> statement-breakpoint
-- The operators are those of the index: they are found whatever the search path, and only superusers make them.
CREATE FUNCTION logline_index_columns(p_index oid, OUT names text[], OUT operators text[])
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
	SELECT array_agg(a.attname::text ORDER BY k.n), array_agg(format('OPERATOR(%I.%s)', s.nspname, o.oprname) ORDER BY k.n)
	INTO names, operators
	FROM pg_index AS i
		CROSS JOIN LATERAL unnest((i.indkey::int2[])[0:i.indnkeyatts - 1], (i.indclass::oid[])[0:i.indnkeyatts - 1])
			WITH ORDINALITY AS k(attnum, class, n)
		JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
		JOIN pg_opclass AS c ON c.oid = k.class
		JOIN pg_amop AS m ON m.amopfamily = c.opcfamily AND m.amopstrategy = 3
			AND m.amoplefttype = c.opcintype AND m.amoprighttype = c.opcintype
		JOIN pg_operator AS o ON o.oid = m.amopopr JOIN pg_namespace AS s ON s.oid = o.oprnamespace
	WHERE i.indexrelid = p_index;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_index_columns(oid) IS 'Returns the columns of the key of an index, without those of INCLUDE, and their operators for equality.';
--> statement-breakpoint
-- Without its schema, a table that is called "removed" would be taken for what the statement has removed.
CREATE FUNCTION logline_full_name(p_table regclass) RETURNS text
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
	RETURN (
		SELECT format('%I.%I', s.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS s ON s.oid = c.relnamespace
		WHERE c.oid = p_table);
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_full_name(regclass) IS 'Returns the name of a table with its schema, for SQL.';
--> statement-breakpoint
-- Rows of the table, as it has them now, that a statement has touched. Without the right to read the table: what the
-- statement says of them.
CREATE FUNCTION logline_touched_expression(
	p_table regclass, p_columns text, p_names text[], p_operators text[], p_op text
) RETURNS text LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
	sides CONSTANT text[] := CASE p_op WHEN 'INSERT' THEN ARRAY['added'] WHEN 'DELETE' THEN ARRAY['removed'] ELSE ARRAY['added', 'removed'] END;
	keys text;
	listed text;
	pairs text;
BEGIN
	IF NOT logline_may_read(p_table) THEN
		RETURN format('(SELECT %s FROM %s) AS r CROSS JOIN LATERAL (SELECT 0 AS n%s) AS k', p_columns,
			CASE p_op WHEN 'DELETE' THEN 'removed' ELSE 'added' END, CASE p_op WHEN 'DELETE' THEN ' WHERE false' ELSE '' END);
	END IF;
	SELECT string_agg(format('%I AS k%s', name, n), ', ' ORDER BY n), string_agg('k' || n, ', ' ORDER BY n),
		string_agg(format('r.%I %s k.k%s', name, operator, n), ' AND ' ORDER BY n)
	INTO keys, listed, pairs
	FROM unnest(p_names, p_operators) WITH ORDINALITY AS c(name, operator, n);
	RETURN format('(SELECT %s FROM %s) AS r JOIN (SELECT %s, min(n) AS n FROM (%s) AS sides GROUP BY %s) AS k ON %s',
		p_columns, logline_full_name(p_table), listed,
		(SELECT string_agg(format('SELECT %s, row_number() OVER () AS n FROM %s', keys, side), ' UNION ALL ') FROM unnest(sides) AS side),
		listed, pairs);
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_touched_expression(regclass, text, text[], text[], text) IS 'Returns SQL for FROM: the rows r that a statement has touched, as the table has them now, and their place k.n in the statement.';
--> statement-breakpoint
-- GRANTS
CREATE FUNCTION logline_grants_name(p_scope text, p_user text, p_verb text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
	SELECT format('logline_grants_%s_%s', p_verb, left(md5(p_scope || ' ' || p_user), 12))
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_grants_name(text, text, text) IS 'Returns the name of a trigger of logline_grants_from().';
--> statement-breakpoint
-- The arguments of a trigger end with NUL each, and are in the encoding of the database.
CREATE FUNCTION logline_grants_mirrors()
RETURNS TABLE (mirrored regclass, scope text, user_column text, source text, old boolean)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
	SELECT tgrelid::regclass, args[1], args[2], coalesce(args[3], tgrelid::regclass::text), tgnargs < 3
	FROM pg_trigger CROSS JOIN LATERAL (
		SELECT ARRAY(
			SELECT convert_from(decode(part, 'escape'), getdatabaseencoding())
			FROM unnest((string_to_array(encode(tgargs, 'escape'), '\000'))[:tgnargs]) WITH ORDINALITY AS p(part, n) ORDER BY n
		) AS args
	) AS a
	WHERE tgfoid = 'logline_mirror_grants'::regproc AND NOT tgisinternal AND tgparentid = 0 AND tgname LIKE 'logline\_grants\_insert%'
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_grants_mirrors() IS 'The tables that logline_grants_from() follows: scope, column of the user, and the source of the grants that they give.';
--> statement-breakpoint
CREATE FUNCTION logline_grants_missing(p_table regclass, p_scope text, p_user text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
	missing CONSTANT text := logline_capture_missing(p_table, p_scope, ARRAY[p_user]);
BEGIN
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION 'logline_grants_from: % no longer has the column %', p_table, missing USING
			ERRCODE = 'undefined_column',
			HINT = format('Run logline_grants_from_stop(%L, %L, %L), and logline_grants_from() with the present names. In one transaction, nobody loses a grant.',
				p_table, p_scope, p_user);
	END IF;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_grants_missing(regclass, text, text) IS 'Raises an error when a table no longer has the columns that its grants need.';
--> statement-breakpoint
CREATE FUNCTION logline_grants_index(p_table regclass, p_scope text, p_user text, OUT names text[], OUT operators text[])
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
	columns CONSTANT text[] := ARRAY(SELECT m[1] FROM regexp_matches(p_scope, '\{([^}]+)\}', 'g') AS m) || p_user;
	computed CONSTANT text := (
		SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
		WHERE attrelid = p_table AND attname = ANY (columns) AND attgenerated = 'v' AND NOT attisdropped);
BEGIN
	-- A trigger gets NULL for such a column of a removed row, so its grant would stay.
	IF computed IS NOT NULL THEN
		RAISE EXCEPTION 'logline_grants_from: % computes % only when it is read', p_table, computed USING
			ERRCODE = 'object_not_in_prerequisite_state',
			HINT = 'Of a removed row, Postgres does not tell such a value. Make the column GENERATED ALWAYS AS (...) STORED, or name those that it is computed from.';
	END IF;
	SELECT c.names, c.operators INTO names, operators
	FROM pg_index AS i CROSS JOIN LATERAL logline_index_columns(i.indexrelid) AS c
	WHERE indrelid = p_table AND indisunique AND indisvalid AND indpred IS NULL AND indexprs IS NULL
		AND cardinality(c.names) = indnkeyatts AND c.names <@ columns
	ORDER BY indisprimary DESC, indexrelid LIMIT 1;
	IF names IS NULL THEN
		RAISE EXCEPTION 'logline_grants_from: % may have several rows for one scope and user', p_table USING
			ERRCODE = 'object_not_in_prerequisite_state',
			HINT = format('Make (%s) unique: a primary key, or a unique index.', array_to_string(columns, ', '));
	END IF;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_grants_index(regclass, text, text) IS 'Returns the columns and operators of the unique index by which a table has one row for each scope and user. Raises an error when there is none, or when a value is not stored.';
--> statement-breakpoint
CREATE FUNCTION logline_grants_pairs(p_table regclass, p_scope text, p_user text, p_mode text, p_from text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
	RETURN format('SELECT scope, user_id FROM (SELECT %s AS scope, %s AS user_id FROM %s) AS pairs WHERE scope IS NOT NULL AND user_id IS NOT NULL',
		logline_topic_expression(p_table, p_scope, p_mode), logline_user_expression(p_table, p_user, p_mode), p_from);
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_grants_pairs(regclass, text, text, text, text) IS 'Returns the query of the scopes and users of some rows r. A row with NULL grants nothing.';
--> statement-breakpoint
-- Row security would hide rows, and so take grants back: "off" makes it an error.
CREATE FUNCTION logline_grants_compare(p_table regclass, p_scope text, p_user text, p_source text, p_mode text) RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT SET row_security = off AS $$
DECLARE
	present CONSTANT text := logline_grants_pairs(p_table, p_scope, p_user, p_mode, logline_full_name(p_table) || ' AS r');
	added bigint;
BEGIN
	EXECUTE format('INSERT INTO grants (scope, user_id, source) SELECT scope, user_id, %L FROM (%s) AS p ON CONFLICT DO NOTHING',
		p_source, present);
	GET DIAGNOSTICS added = ROW_COUNT;
	EXECUTE format('DELETE FROM grants AS g WHERE g.source = %L AND NOT EXISTS (
		SELECT FROM (%s) AS p WHERE p.scope = g.scope AND p.user_id = g.user_id)', p_source, present);
	RETURN added;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_grants_compare(regclass, text, text, text, text) IS 'Gives the grants of all rows of a table, and takes those of its source back that have no row. Returns how many it gave.';
--> statement-breakpoint
CREATE OR REPLACE FUNCTION logline_mirror_grants() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET row_security = off AS $$
DECLARE
	scope CONSTANT text := TG_ARGV[0];
	who CONSTANT text := TG_ARGV[1];
	origin CONSTANT text := coalesce(TG_ARGV[2], TG_RELID::regclass::text);
	key record;
	present text;
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
		EXECUTE format('DELETE FROM grants AS g USING (%s EXCEPT %s) AS p
			WHERE g.scope = p.scope AND g.user_id = p.user_id AND g.source = %L',
			logline_grants_pairs(TG_RELID, scope, who, 'raw', 'removed AS r'), present, origin);
	END IF;
	IF TG_OP <> 'DELETE' THEN
		EXECUTE format('INSERT INTO grants (scope, user_id, source) SELECT scope, user_id, %L FROM (%s) AS p ON CONFLICT DO NOTHING',
			origin, present);
	END IF;
	RETURN NULL;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_mirror_grants() IS 'Trigger that logline_grants_from() makes: gives and takes back the grants of the rows that a statement has touched, as the table has them now. Who may execute it may grant everything: only the owner of the log may, until it is granted.';
--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION logline_mirror_grants() FROM PUBLIC;
--> statement-breakpoint
CREATE FUNCTION logline_grants_follow(p_table regclass, p_scope text, p_user text, p_source text, p_mode text) RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	made record;
BEGIN
	PERFORM logline_grants_index(p_table, p_scope, p_user);
	IF EXISTS (
		SELECT FROM logline_grants_mirrors() AS m
		WHERE m.old AND m.mirrored = p_table AND m.scope = p_scope AND m.user_column = p_user
	) THEN
		EXECUTE format('DROP TRIGGER IF EXISTS logline_grants_insert ON %1$s; DROP TRIGGER IF EXISTS logline_grants_update ON %1$s;
			DROP TRIGGER IF EXISTS logline_grants_delete ON %1$s; DROP TRIGGER IF EXISTS logline_grants_truncate ON %1$s;', p_table);
	END IF;
	FOR made IN SELECT * FROM (VALUES ('insert', 'INSERT', 'REFERENCING NEW TABLE AS added'),
			('update', 'UPDATE', 'REFERENCING OLD TABLE AS removed NEW TABLE AS added'),
			('delete', 'DELETE', 'REFERENCING OLD TABLE AS removed'), ('truncate', 'TRUNCATE', '')) AS t(name, verb, tables)
	LOOP
		EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER %s ON %s %s FOR EACH STATEMENT EXECUTE FUNCTION logline_mirror_grants(%L, %L, %L)',
			logline_grants_name(p_scope, p_user, made.name), made.verb, p_table, made.tables, p_scope, p_user, p_source);
	END LOOP;
	RETURN logline_grants_compare(p_table, p_scope, p_user, p_source, p_mode);
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_grants_follow(regclass, text, text, text, text) IS 'Makes the triggers of logline_grants_from(), and compares the grants of a source with a table.';
--> statement-breakpoint
CREATE OR REPLACE FUNCTION logline_grants_from(p_table regclass, p_scope text, p_user text DEFAULT 'user_id') RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	missing CONSTANT text := logline_capture_missing(p_table, p_scope, ARRAY[p_user]);
	chosen text;
	n int := 0;
BEGIN
	IF p_table IS NULL OR p_user IS NULL OR p_scope IS NULL OR p_scope !~ '\{[^}]+\}' OR missing IS NOT NULL THEN
		RAISE EXCEPTION 'logline_grants_from: "%" does not fit the table %', p_scope, p_table USING HINT = CASE
			WHEN missing IS NOT NULL THEN 'The table has no column ' || missing || '.'
			WHEN p_user IS NULL THEN 'Name the column of the user: ''user_id''.'
			ELSE 'Name the columns in braces: ''rooms/{room_id}''.' END;
	ELSIF regexp_replace(p_scope, '\{[^}]+\}', 'x', 'g') !~ '^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$' THEN
		RAISE EXCEPTION 'logline_grants_from: "%" is not a scope', p_scope USING
			HINT = 'A scope is the beginning of a topic, with columns in braces: ''rooms/{room_id}''.';
	ELSIF (SELECT relkind NOT IN ('r', 'p') FROM pg_class WHERE oid = p_table) THEN
		RAISE EXCEPTION 'logline_grants_from: % is not a table', p_table USING HINT = 'Of a view, name the tables below it.';
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
COMMENT ON FUNCTION logline_grants_from(regclass, text, text) IS 'Keeps grants in step with a table: logline_grants_from(''room_members'', ''rooms/{room_id}''). Each row of the table grants its scope to its user; triggers follow later changes. A row with NULL there grants nothing; a value that cannot be part of a topic is refused. One table may give grants for several scopes. Returns how many grants the present rows gave. After a rename of the table nothing needs to be done. logline_grants_from_stop() ends it.';
--> statement-breakpoint
CREATE FUNCTION logline_grants_from_stop(p_table regclass, p_scope text, p_user text DEFAULT 'user_id') RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	mirror record;
	verb text;
	gone bigint;
BEGIN
	SELECT * INTO mirror FROM logline_grants_mirrors() AS m WHERE m.mirrored = p_table AND m.scope = p_scope AND m.user_column = p_user;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'logline_grants_from_stop: % does not give grants for "%" to the users in %', p_table, p_scope, p_user USING
			HINT = coalesce('It gives: ' || (
				SELECT string_agg(format('%L, %L', m.scope, m.user_column), '; ' ORDER BY m.scope, m.user_column)
				FROM logline_grants_mirrors() AS m WHERE m.mirrored = p_table) || '.', 'It gives none.');
	END IF;
	FOREACH verb IN ARRAY ARRAY['insert', 'update', 'delete', 'truncate'] LOOP
		EXECUTE format('DROP TRIGGER IF EXISTS %I ON %s',
			CASE WHEN mirror.old THEN 'logline_grants_' || verb ELSE logline_grants_name(p_scope, p_user, verb) END, p_table);
	END LOOP;
	DELETE FROM grants WHERE source = mirror.source;
	GET DIAGNOSTICS gone = ROW_COUNT;
	RETURN gone;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_grants_from_stop(regclass, text, text) IS 'Ends what logline_grants_from() began for this table, scope and column, and takes the grants back that it gave. Returns how many.';
--> statement-breakpoint
DROP FUNCTION logline_scope_expression(text);
--> statement-breakpoint
-- Mirrors that exist keep their source. Rows whose values would be refused today lose their grants: such a grant may be of a
-- scope that its giver did not mean. A mirror that cannot be made anew keeps its triggers, which call the new function.
DO $$
DECLARE
	mirror record;
BEGIN
	FOR mirror IN SELECT * FROM logline_grants_mirrors() WHERE old LOOP
		BEGIN
			PERFORM logline_grants_missing(mirror.mirrored, mirror.scope, mirror.user_column);
			PERFORM logline_grants_follow(mirror.mirrored, mirror.scope, mirror.user_column, mirror.source, 'lenient');
		EXCEPTION WHEN raise_exception OR object_not_in_prerequisite_state OR undefined_column OR insufficient_privilege THEN
			RAISE WARNING 'the grants of % stay as they are: %', mirror.mirrored, SQLERRM;
		END;
	END LOOP;
END
$$;
--> statement-breakpoint
-- CAPTURE
CREATE FUNCTION logline_ending(p_topic text) RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
	SELECT current_setting('logline.ending', true) IS NOT DISTINCT FROM 'on' AND EXISTS (
		SELECT FROM outbox WHERE tx = pg_current_xact_id() AND topic = '$ended' AND data->>'topic' = p_topic)
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_ending(text) IS 'True when this transaction has ended a topic by the outbox.';
--> statement-breakpoint
CREATE FUNCTION logline_takes(p_topic text) RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
	SELECT octet_length(p_topic) <= 200 AND NOT logline_ending(p_topic) AND coalesce(
		(SELECT ended_id IS NULL FROM log_topics WHERE topic = p_topic),
		logline_pattern_of(p_topic) IS NOT NULL OR NOT EXISTS (SELECT FROM topics))
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_takes(text) IS 'True when a topic is declared and has not ended.';
--> statement-breakpoint
DROP FUNCTION logline_captured_data(jsonb, text);
--> statement-breakpoint
CREATE FUNCTION logline_fits(p_data jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
BEGIN
	RETURN octet_length(p_data::text) <= 1048576 AND NOT p_data @? '$.**{200}';
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_fits(jsonb) IS 'True when data is within the bounds of an event.';
--> statement-breakpoint
CREATE FUNCTION logline_captured_data(p_data jsonb, p_keys text[], p_table text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
DECLARE
	rest jsonb;
	few jsonb;
BEGIN
	-- Less than 400 octets cannot be nested 200 deep.
	IF octet_length(p_data::text) < 400 OR logline_fits(p_data) THEN
		RETURN p_data;
	END IF;
	rest := p_data - 'old';
	IF logline_fits(rest) THEN
		RETURN rest;
	ELSIF p_data->>'op' = 'delete' THEN
		few := jsonb_build_object('op', 'delete', 'row', (
			SELECT coalesce(jsonb_object_agg(c.key, c.value), '{}') FROM jsonb_each(p_data->'row') AS c WHERE c.key = ANY (p_keys)));
		RETURN CASE WHEN logline_fits(few) THEN few ELSE '{"op": "delete", "row": {}}' END;
	END IF;
	RAISE EXCEPTION USING
		MESSAGE = CASE WHEN octet_length(rest::text) > 1048576
			THEN format('a row of %s makes an event of %s octets', p_table, octet_length(rest::text))
			ELSE format('a row of %s makes an event that is nested too deeply', p_table) END,
		ERRCODE = 'check_violation',
		HINT = 'At most 1048576 octets are accepted, and arrays and objects 199 deep. Call logline_capture() again and leave the large columns out: without => ''{picture}''.';
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_captured_data(jsonb, text[], text) IS 'Returns the data of an event that a row makes. What is too large is left out when a row leaves (all but its primary key) or shrinks (its former values), and refused otherwise.';
--> statement-breakpoint
-- A row without a topic or without its user is nobody's: it makes no event.
CREATE FUNCTION logline_captured_rows(
	p_table regclass, p_topic text, p_user text, p_mode text, p_key text, p_shown text, p_place text, p_from text
) RETURNS text LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
	RETURN format('SELECT * FROM (SELECT %s AS key, %s AS topic, %s AS user_id, %s AS image, %s AS n FROM %s) AS rows WHERE topic IS NOT NULL%s',
		p_key, logline_topic_expression(p_table, p_topic, p_mode), logline_user_expression(p_table, p_user, p_mode),
		CASE WHEN p_shown IS NULL THEN 'NULL::jsonb' ELSE format('(SELECT to_jsonb(s) FROM (SELECT %s) AS s)', p_shown) END,
		p_place, p_from, CASE WHEN p_user IS NULL THEN '' ELSE ' AND user_id IS NOT NULL' END);
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_captured_rows(regclass, text, text, text, text, text, text, text) IS 'Returns the query of key, topic, user and data of some rows r.';
--> statement-breakpoint
CREATE OR REPLACE FUNCTION logline_capture_rows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	own CONSTANT text := TG_RELID::regclass::text;
	who CONSTANT text := nullif(TG_ARGV[1], '');
	chosen CONSTANT text[] := nullif(TG_ARGV[2], '')::text[];
	without CONSTANT text[] := coalesce(nullif(TG_ARGV[3], ''), '{}')::text[];
	missing text;
	index CONSTANT oid := (SELECT indexrelid FROM pg_index WHERE indrelid = TG_RELID AND indisprimary);
	every text; -- all columns; an AFTER trigger does not see virtual ones, so they are computed
	shown text; -- the columns to publish, of rows that stay
	leaving text; -- the same, of rows that leave
	key record; -- of the primary key: names, operators
	key_texts text;
	came text; -- SQL: the rows that the statement has touched, as the table has them now
	went text; -- SQL: the rows before the statement
	told text;
BEGIN
	IF TG_OP = 'TRUNCATE' THEN
		IF TG_ARGV[0] LIKE '%{%' THEN
			RAISE EXCEPTION 'TRUNCATE of % cannot be told: its rows belong to many topics', own USING
				ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'DELETE the rows, or end this with logline_capture_stop() before.';
		END IF;
		INSERT INTO outbox (topic, data) SELECT TG_ARGV[0], '{"op": "truncate"}' WHERE logline_takes(TG_ARGV[0]);
		RETURN NULL;
	END IF;
	missing := logline_capture_missing(TG_RELID, TG_ARGV[0], chosen || without || who);
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION 'logline_capture: % no longer has the column %', own, missing USING
			ERRCODE = 'undefined_column',
			HINT = format('Run logline_capture_stop(%L, %L), and logline_capture() with the present names.', own, TG_ARGV[0]);
	ELSIF index IS NULL THEN
		RAISE EXCEPTION 'logline_capture: % no longer has a primary key', own USING
			ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Make one, or end this with logline_capture_stop().';
	END IF;
	key := logline_index_columns(index);
	SELECT string_agg(CASE WHEN attgenerated = 'v' THEN format('(%s) AS %I', pg_get_expr(adbin, adrelid), attname) ELSE quote_ident(attname) END, ', ' ORDER BY attnum),
		string_agg(logline_json_expression(atttypid, attname, own, true), ', ' ORDER BY attnum)
			FILTER (WHERE TG_OP <> 'DELETE' AND attname <> ALL (without) AND (chosen IS NULL OR attname = ANY (chosen))),
		string_agg(logline_json_expression(atttypid, attname, own, false), ', ' ORDER BY attnum)
			FILTER (WHERE TG_OP <> 'INSERT' AND attname <> ALL (without) AND (chosen IS NULL OR attname = ANY (chosen))),
		'ARRAY[' || string_agg(logline_text_expression(TG_RELID, attname), ', ' ORDER BY attnum) FILTER (WHERE attname = ANY (key.names)) || ']'
	INTO every, shown, leaving, key_texts
	FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
	WHERE attrelid = TG_RELID AND attnum > 0 AND NOT attisdropped;
	came := logline_captured_rows(TG_RELID, TG_ARGV[0], who, CASE TG_OP WHEN 'DELETE' THEN 'lenient' ELSE 'strict' END, key_texts, shown,
		'row_number() OVER (ORDER BY k.n)', logline_touched_expression(TG_RELID, every, key.names, key.operators, TG_OP));
	IF TG_OP <> 'INSERT' THEN
		went := logline_captured_rows(TG_RELID, TG_ARGV[0], who, 'lenient', key_texts, leaving,
			'row_number() OVER ()', format('(SELECT %s FROM removed) AS r', every));
	END IF;
	-- A row with another key, topic or user has left one place and come to another. Nobody waits for a row that leaves a topic
	-- that takes no events.
	told := CASE TG_OP
		WHEN 'INSERT' THEN format('SELECT 2 AS step, n, topic, user_id, ''insert'' AS op, image, NULL::jsonb AS old FROM (%s) AS c', came)
		WHEN 'DELETE' THEN format('SELECT 1 AS step, n, topic, user_id, ''delete'' AS op, image, NULL::jsonb AS old FROM (%s) AS o
			WHERE NOT EXISTS (SELECT FROM (%s) AS c
				WHERE c.key = o.key AND c.topic = o.topic AND coalesce(c.user_id, '''') = coalesce(o.user_id, ''''))', went, came)
		ELSE format('WITH o AS MATERIALIZED (%s), c AS MATERIALIZED (%s)
			SELECT CASE WHEN c.key IS NULL THEN 1 ELSE 2 END AS step, coalesce(c.n, o.n) AS n,
				coalesce(c.topic, o.topic) AS topic, coalesce(c.user_id, o.user_id) AS user_id,
				CASE WHEN c.key IS NULL THEN ''delete'' WHEN o.key IS NULL THEN ''insert'' ELSE ''update'' END AS op,
				coalesce(c.image, o.image) AS image,
				CASE WHEN o.key IS NOT NULL AND c.key IS NOT NULL THEN (
					SELECT jsonb_object_agg(b.key, b.value) FROM jsonb_each(o.image) AS b WHERE b.value IS DISTINCT FROM c.image->b.key) END AS old
			FROM o FULL JOIN c ON c.key = o.key AND c.topic = o.topic AND coalesce(c.user_id, '''') = coalesce(o.user_id, '''')
			WHERE o.image IS DISTINCT FROM c.image', went, came)
	END;
	IF TG_OP <> 'INSERT' THEN
		told := format('WITH told AS MATERIALIZED (%s) SELECT * FROM told WHERE op <> ''delete'' OR topic IN (
			SELECT topic FROM (SELECT DISTINCT topic FROM told WHERE op = ''delete'') AS left_topics WHERE logline_takes(topic))', told);
	END IF;
	EXECUTE format('INSERT INTO outbox (topic, user_id, data)
		SELECT topic, user_id, logline_captured_data(jsonb_build_object(''op'', op, ''row'', image)
			|| CASE WHEN old IS NULL THEN ''{}'' ELSE jsonb_build_object(''old'', old) END, %L, %L)
		FROM (%s) AS told ORDER BY step, n', key.names, own, told);
	RETURN NULL;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_capture_rows() IS 'Trigger that logline_capture() makes: puts an event for each changed row into the outbox. Who may execute it may publish any topic: only the owner of the log may, until it is granted.';
--> statement-breakpoint
DROP FUNCTION logline_capture_expression(text, text, boolean);
--> statement-breakpoint
-- A transaction that has ended a topic by the outbox remembers it, so that an event behind the end is refused at once, and not
-- by the relay.
CREATE OR REPLACE FUNCTION logline_outbox_notify() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	wrong text;
	ended bigint;
BEGIN
	SELECT t.topic, known.ended_id INTO wrong, ended
	FROM (SELECT DISTINCT topic FROM inserted) AS t LEFT JOIN log_topics AS known USING (topic)
	WHERE t.topic NOT IN ('$grants', '$ended') AND CASE WHEN known.topic IS NOT NULL THEN known.ended_id IS NOT NULL
		ELSE (t.topic LIKE '$%' OR logline_pattern_of(t.topic) IS NULL) AND EXISTS (SELECT FROM topics) END
	LIMIT 1;
	IF ended IS NOT NULL THEN
		PERFORM logline_refuse_ended(wrong, 'outbox');
	ELSIF wrong IS NOT NULL THEN
		PERFORM logline_refuse_topic(wrong, 'outbox');
	END IF;
	IF EXISTS (SELECT FROM inserted WHERE topic = '$ended') THEN
		PERFORM set_config('logline.ending', 'on', true);
	END IF;
	IF current_setting('logline.ending', true) IS NOT DISTINCT FROM 'on' THEN
		SELECT i.topic INTO wrong FROM inserted AS i JOIN outbox AS o
			ON o.tx = pg_current_xact_id() AND o.topic = '$ended' AND o.data->>'topic' = i.topic AND o.n < i.n LIMIT 1;
		IF wrong IS NOT NULL THEN
			PERFORM logline_refuse_ended(wrong, 'outbox');
		END IF;
	END IF;
	IF current_setting('logline.kick', true) IS DISTINCT FROM 'off' THEN
		PERFORM pg_notify('logline_outbox', '');
	END IF;
	RETURN NULL;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_outbox_notify() IS 'Trigger on outbox: refuses topics that are not declared or have ended, also in this transaction, and wakes the relays of all servers (channel logline_outbox), unless logline.kick is off.';
