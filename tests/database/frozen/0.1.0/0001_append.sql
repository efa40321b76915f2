-- How events enter the log: the lock that orders them, the bounds of a row, the triggers, and the function that appends.
-- Written by hand. The reasons are in docs/decisions/001 and 002.
INSERT INTO log_state DEFAULT VALUES;
--> statement-breakpoint
ALTER TABLE log_state ADD CONSTRAINT log_state_one_check CHECK (one);
--> statement-breakpoint
-- It reads the table of locks. It does not remember the lock in a setting, because any client can change a setting.
CREATE FUNCTION logline_holds_lock() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
	SELECT EXISTS (
		SELECT FROM pg_locks
		WHERE pid = pg_backend_pid()
			AND locktype = 'relation'
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
			AND relation = 'log_state'::regclass
			AND mode = 'ExclusiveLock'
			AND granted
	)
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_holds_lock() IS 'True when this transaction holds the lock of the log.';
--> statement-breakpoint
-- The bounds of an event. The tables check them, so they hold for every program. A row beyond a bound would be accepted and
-- then harm others: an index would refuse it, no reader's page would have room for it, or JavaScript could not show its
-- time. src/lib/server/log/accept.ts has the same bounds.
--
-- Each table has one CHECK, which calls one function when it fails: Postgres parses the text of every CHECK again for each
-- statement, and a failed CHECK by itself says only its name.
CREATE FUNCTION logline_refuse(
	p_table text, p_topic text, p_user text, p_data jsonb, p_created timestamptz, p_key text DEFAULT NULL
) RETURNS boolean LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	about text;
	wrong text;
	todo text;
BEGIN
	IF octet_length(p_topic) NOT BETWEEN 1 AND 200 THEN
		about := 'topic';
		wrong := format('The topic has %s octets', octet_length(p_topic));
		todo := 'A topic has 1 to 200 octets.';
	ELSIF octet_length(p_user) NOT BETWEEN 1 AND 200 THEN
		about := 'user_id';
		wrong := format('The user id has %s octets', octet_length(p_user));
		todo := 'A user id has 1 to 200 octets; NULL means everyone who may subscribe to the topic.';
	ELSIF char_length(p_key) NOT BETWEEN 1 AND 200 THEN
		about := 'key';
		wrong := format('The key has %s characters', char_length(p_key));
		todo := 'A key has 1 to 200 characters; NULL means no key.';
	ELSIF octet_length(p_data::text) > 1048576 THEN
		about := 'data';
		wrong := format('The data has %s octets as text', octet_length(p_data::text));
		todo := 'At most 1048576 are accepted (a number such as 1e308 is printed with 309 digits). Store it elsewhere and put its address into the event.';
	ELSIF p_data @? '$.**{200}' THEN
		about := 'data';
		wrong := 'The data is nested too deeply';
		todo := 'Arrays and objects may be nested 199 deep.';
	ELSE
		about := 'created_at';
		wrong := format('No program can show the time %s', p_created);
		todo := 'Leave created_at out, or give a time in the years 1 to 9999.';
	END IF;
	RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = wrong, HINT = todo,
		TABLE = p_table, COLUMN = about, CONSTRAINT = p_table || '_bounds_check';
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_refuse(text, text, text, jsonb, timestamptz, text) IS 'Raises an error that says which bound a row passes and what to do. The CHECKs of events, outbox and event_keys call it when they fail.';
--> statement-breakpoint
ALTER TABLE events ADD CONSTRAINT events_bounds_check CHECK (
	octet_length(topic) BETWEEN 1 AND 200
	AND octet_length(coalesce(user_id, 'x')) BETWEEN 1 AND 200
	AND size <= 1048576
	AND NOT data @? '$.**{200}'
	AND created_at >= '0001-01-01 00:00:00+00' AND created_at < '10000-01-01 00:00:00+00'
	OR logline_refuse('events', topic, user_id, data, created_at)
);
--> statement-breakpoint
ALTER TABLE outbox ADD CONSTRAINT outbox_bounds_check CHECK (
	octet_length(topic) BETWEEN 1 AND 200
	AND octet_length(coalesce(user_id, 'x')) BETWEEN 1 AND 200
	AND size <= 1048576
	AND NOT data @? '$.**{200}'
	AND created_at >= '0001-01-01 00:00:00+00' AND created_at < '10000-01-01 00:00:00+00'
	AND coalesce(char_length(key), 1) BETWEEN 1 AND 200
	OR logline_refuse('outbox', topic, user_id, data, created_at, key)
);
--> statement-breakpoint
ALTER TABLE event_keys ADD CONSTRAINT event_keys_bounds_check CHECK (
	char_length(key) BETWEEN 1 AND 200 OR logline_refuse('event_keys', '-', NULL, 'null', NULL, key)
);
--> statement-breakpoint
-- All other writers wait until the transaction with the lock ends. So Postgres limits that transaction: when it is idle for
-- too long, it loses its connection (25P03), and a later statement of it that runs for too long is cancelled (57014). A
-- shorter limit that the client has set stays. A client that must hold the log for longer first runs
-- `SET logline.hold_ms = 600000`; 0 means no limit.
CREATE FUNCTION logline_lock() RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	hold_ms CONSTANT int := coalesce(nullif(current_setting('logline.hold_ms', true), ''), '10000');
	bound text;
	current_ms bigint;
BEGIN
	LOCK TABLE log_state IN EXCLUSIVE MODE;
	IF (SELECT place FROM log_state) IS DISTINCT FROM logline_place() THEN
		PERFORM logline_settle();
	END IF;
	-- Readers see an event as soon as it is committed. With an asynchronous commit, a crash could remove it again, and the
	-- next events would get the same ids.
	IF current_setting('synchronous_commit') = 'off' THEN
		PERFORM set_config('synchronous_commit', 'on', true);
	END IF;
	FOREACH bound IN ARRAY ARRAY['idle_in_transaction_session_timeout', 'statement_timeout'] LOOP
		current_ms := extract(epoch FROM current_setting(bound)::interval) * 1000; -- it prints as 0, 1500ms, 10s, 2min ...
		IF hold_ms > 0 AND (current_ms = 0 OR current_ms > hold_ms) THEN
			PERFORM set_config(bound, hold_ms::text, true);
		END IF;
	END LOOP;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_lock() IS 'Takes the right to append until the end of the transaction. The transaction may then neither be idle nor run a later statement for longer than logline.hold_ms (10000; 0: no limit).';
--> statement-breakpoint
-- It runs before the first id is drawn, for INSERT, INSERT ... SELECT and COPY. From here to the commit there is one writer
-- at a time, so ids become visible in the order of their numbers.
CREATE FUNCTION logline_before_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	-- A transaction that has written something may hold a row lock that another waiting writer needs. Waiting for the log
	-- would then be a deadlock.
	IF pg_current_xact_id_if_assigned() IS NOT NULL AND NOT logline_holds_lock() THEN
		RAISE EXCEPTION 'INSERT INTO events must be the first write of its transaction'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'Inside a larger transaction, insert the same columns into "outbox": the event becomes visible with your commit.';
	END IF;
	PERFORM logline_lock();
	PERFORM set_config('logline.head',
		(SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM events_id_seq)::text, true);
	RETURN NULL;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_before_insert() IS 'Trigger on events: takes the lock of the log before the first id is drawn, and refuses an INSERT that is not the first write of its transaction.';
--> statement-breakpoint
CREATE FUNCTION logline_after_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	lowest bigint;
	highest bigint;
BEGIN
	SELECT min(id), max(id) INTO lowest, highest FROM inserted;
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
	PERFORM pg_notify('logline_events', highest::text);
	RETURN NULL;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_after_insert() IS 'Trigger on events: notifies the servers (channel logline_events, the highest id), and refuses ids that the writer has chosen.';
--> statement-breakpoint
CREATE TRIGGER events_before_insert BEFORE INSERT ON events
FOR EACH STATEMENT EXECUTE FUNCTION logline_before_insert();
--> statement-breakpoint
CREATE TRIGGER events_after_insert AFTER INSERT ON events
REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION logline_after_insert();
--> statement-breakpoint
-- For writers that have nothing else to write: one statement, one commit.
CREATE FUNCTION logline_append(
	p_batch uuid, p_topics text[], p_users text[], p_data jsonb[], p_keys text[] DEFAULT NULL,
	p_created timestamptz[] DEFAULT NULL, OUT ids bigint[], OUT appended boolean[]
) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'logline_append needs READ COMMITTED: it must see what others committed while it waited for the lock';
	END IF;
	PERFORM logline_lock();
	IF p_batch IS NOT NULL THEN
		SELECT b.ids, b.appended INTO ids, appended FROM append_batches b WHERE b.batch = p_batch;
		IF FOUND THEN
			RETURN;
		END IF;
	END IF;
	PERFORM logline_make_room(cardinality(p_topics));

	IF p_keys IS NULL THEN
		WITH inserted AS (
			INSERT INTO events (topic, user_id, data, created_at)
			SELECT i.topic, i.user_id, i.data, coalesce(i.created_at, clock_timestamp())
			FROM unnest(p_topics, p_users, p_data, p_created) WITH ORDINALITY AS i(topic, user_id, data, created_at, n)
			ORDER BY i.n
			RETURNING id
		)
		SELECT array_agg(id ORDER BY id), array_agg(true) INTO ids, appended FROM inserted;
	ELSE
		WITH input AS MATERIALIZED (
			SELECT i.*, k.event_id AS earlier,
				i.key IS NOT NULL AND row_number() OVER (PARTITION BY i.key ORDER BY i.n) > 1 AS repeated
			FROM unnest(p_topics, p_users, p_data, p_keys, p_created)
				WITH ORDINALITY AS i(topic, user_id, data, key, created_at, n)
				LEFT JOIN event_keys k ON k.key = i.key
		), fresh AS MATERIALIZED (
			SELECT *, row_number() OVER (ORDER BY n) AS place FROM input WHERE earlier IS NULL AND NOT repeated
		), inserted AS (
			INSERT INTO events (topic, user_id, data, created_at)
			SELECT topic, user_id, data, coalesce(created_at, clock_timestamp()) FROM fresh ORDER BY n
			RETURNING id
		), given AS MATERIALIZED (
			SELECT fresh.n, fresh.key, numbered.id
			FROM fresh JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place FROM inserted) AS numbered USING (place)
		), kept AS (
			INSERT INTO event_keys (key, event_id) SELECT key, id FROM given WHERE key IS NOT NULL
		)
		SELECT array_agg(coalesce(input.earlier, own.id, first.id) ORDER BY input.n),
			array_agg(own.id IS NOT NULL ORDER BY input.n)
		INTO ids, appended
		FROM input
			LEFT JOIN given AS own ON own.n = input.n
			LEFT JOIN given AS first ON input.repeated AND first.key = input.key;
	END IF;

	IF p_batch IS NOT NULL THEN
		INSERT INTO append_batches (batch, ids, appended) VALUES (p_batch, logline_append.ids, logline_append.appended);
	END IF;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_append(uuid, text[], text[], jsonb[], text[], timestamptz[]) IS 'Appends events in one statement. Returns their ids in the order of the input; for a key that was used before, the id of its first event, and false in "appended". The same batch again appends nothing and returns the same.';
--> statement-breakpoint
-- A server calls it when nobody has appended for a while. So a read-only database, a full disk or a session that holds the
-- log is noticed before there is an event to write.
CREATE FUNCTION logline_probe() RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	PERFORM logline_lock();
	INSERT INTO append_batches (batch, ids, appended) VALUES (gen_random_uuid(), '{}', '{}');
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_probe() IS 'Writes to the log''s tables as an append does, but without an event. It fails where an append would fail.';
