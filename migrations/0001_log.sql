-- The log: order, wake-ups, both doors, partitions. Written by hand; docs/decisions/ has the reasons.

INSERT INTO log_state DEFAULT VALUES;
--> statement-breakpoint
ALTER TABLE log_state ADD CONSTRAINT log_state_one_check CHECK (one);
--> statement-breakpoint

-- Whether this transaction holds the lock of the log. Looked up, not remembered in a setting: a setting can be set by hand.
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

-- Runs before the first id is drawn, for INSERT, INSERT ... SELECT and COPY alike: one writer at a time from here to its
-- commit, so ids become visible in the order of their numbers.
CREATE FUNCTION logline_before_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	-- A transaction that has written may hold row locks somebody in the queue for the log needs: that would be a deadlock.
	IF pg_current_xact_id_if_assigned() IS NOT NULL AND NOT logline_holds_lock() THEN
		RAISE EXCEPTION 'INSERT INTO events must be the first write of its transaction'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'Inside a larger transaction, insert the same columns into "outbox": the event becomes visible with your commit.';
	END IF;
	LOCK TABLE log_state IN EXCLUSIVE MODE;
	PERFORM set_config('logline.head',
		(SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM events_id_seq)::text, true);
	RETURN NULL;
END
$$;
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
	-- An id that was not drawn under the lock could appear behind a reader that has passed it.
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
CREATE TRIGGER events_before_insert BEFORE INSERT ON events
FOR EACH STATEMENT EXECUTE FUNCTION logline_before_insert();
--> statement-breakpoint
CREATE TRIGGER events_after_insert AFTER INSERT ON events
REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION logline_after_insert();
--> statement-breakpoint

-- Statement triggers fire for the table that the statement names: an INSERT that names a partition would pass both by.
CREATE FUNCTION logline_refuse_partition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'INSERT INTO % is not ordered', TG_TABLE_NAME
		USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Insert into "events".';
END
$$;
--> statement-breakpoint

-- Keeps `ahead` empty partitions beyond the one that is being written. Attaching (and not PARTITION OF) takes a lock that
-- neither readers nor writers wait for. Returns how many it made; 0 when another session is at it.
CREATE FUNCTION logline_ensure_partitions(size bigint DEFAULT 5000000, ahead int DEFAULT 2) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	upper_bound bigint;
	head bigint;
	partition_name text;
	made int := 0;
BEGIN
	IF NOT pg_try_advisory_xact_lock(hashtextextended('logline.partitions', 0)) THEN
		RETURN 0;
	END IF;
	SELECT coalesce(max((regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''?(\d+)'))[1]::bigint), 1)
		INTO upper_bound
		FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'events'::regclass;
	SELECT last_value INTO head FROM events_id_seq;
	WHILE upper_bound <= head + ahead * size LOOP
		partition_name := 'events_' || upper_bound;
		EXECUTE format(
			'CREATE TABLE %I (LIKE events INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS, CHECK (id >= %s AND id < %s))',
			partition_name, upper_bound, upper_bound + size);
		EXECUTE format('CREATE TRIGGER refuse_direct_insert BEFORE INSERT ON %I FOR EACH STATEMENT EXECUTE FUNCTION logline_refuse_partition()', partition_name);
		EXECUTE format('ALTER TABLE events ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
			partition_name, upper_bound, upper_bound + size);
		EXECUTE format('COMMENT ON TABLE %I IS ''Events %s to %s. Insert into "events", never here.''',
			partition_name, upper_bound, upper_bound + size - 1);
		upper_bound := upper_bound + size;
		made := made + 1;
	END LOOP;
	RETURN made;
END
$$;
--> statement-breakpoint
SELECT logline_ensure_partitions();
--> statement-breakpoint

-- The door for whoever has nothing else to write: one statement, one commit. A batch that is sent again (its outcome was
-- unknown) answers what it answered the first time. A key answers the id of the first event that had it.
CREATE FUNCTION logline_append(
	p_batch uuid, p_topics text[], p_users bigint[], p_data jsonb[], p_keys text[] DEFAULT NULL,
	p_created timestamptz[] DEFAULT NULL, OUT ids bigint[], OUT appended boolean[]
) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'logline_append needs READ COMMITTED: it must see what others committed while it waited for the lock';
	END IF;
	LOCK TABLE log_state IN EXCLUSIVE MODE;
	IF p_batch IS NOT NULL THEN
		SELECT b.ids, b.appended INTO ids, appended FROM append_batches b WHERE b.batch = p_batch;
		IF FOUND THEN
			RETURN;
		END IF;
	END IF;

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

-- The door for everybody's larger transactions: rows put into `outbox` take no lock and become events here, exactly once,
-- because they leave one table and enter the other in one transaction. `p_seen` is what the caller's last call answered:
-- only rows of transactions that were not over then are looked at, so an old open transaction elsewhere, which keeps
-- vacuum from removing the dead rows, does not make this slow.
CREATE FUNCTION logline_relay(p_seen pg_snapshot DEFAULT NULL, p_limit int DEFAULT 20000, OUT moved int, OUT seen pg_snapshot)
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	topics text[];
	users bigint[];
	payloads jsonb[];
	keys text[];
	created timestamptz[];
BEGIN
	LOCK TABLE log_state IN EXCLUSIVE MODE;
	WITH candidate AS MATERIALIZED (
		SELECT * FROM (
			SELECT o.ctid AS place, o.n FROM outbox o WHERE o.tx >= coalesce(pg_snapshot_xmax(p_seen), '0'::xid8)
			UNION ALL
			SELECT o.ctid, o.n FROM outbox o WHERE o.tx = ANY (ARRAY(SELECT pg_snapshot_xip(p_seen)))
		) AS both_kinds
		ORDER BY n
		LIMIT p_limit
	), taken AS (
		DELETE FROM outbox WHERE ctid = ANY (ARRAY(SELECT place FROM candidate)) RETURNING *
	)
	SELECT count(*), array_agg(t.topic ORDER BY n), array_agg(user_id ORDER BY n), array_agg(data ORDER BY n),
		CASE WHEN count(t.key) > 0 THEN array_agg(t.key ORDER BY n) END,
		array_agg(t.created_at ORDER BY n), pg_current_snapshot()
	INTO moved, topics, users, payloads, keys, created, seen
	FROM taken t;
	IF moved >= p_limit THEN
		seen := p_seen; -- there may be more of the same
	END IF;
	IF moved > 0 THEN
		PERFORM logline_append(NULL, topics, users, payloads, keys, created);
	END IF;
END
$$;
--> statement-breakpoint

-- Wakes the relay of every process. A writer that kicks its own relay after commit says `SET LOCAL logline.kick = off`:
-- notifications make commits wait for each other.
CREATE FUNCTION logline_outbox_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting('logline.kick', true) IS DISTINCT FROM 'off' THEN
		PERFORM pg_notify('logline_outbox', '');
	END IF;
	RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER outbox_after_insert AFTER INSERT ON outbox
FOR EACH STATEMENT EXECUTE FUNCTION logline_outbox_notify();
--> statement-breakpoint
ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
--> statement-breakpoint

-- Ends the streams of a session, whoever deletes its row.
CREATE FUNCTION logline_session_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_notify('logline_sessions', OLD.id);
	RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER sessions_after_delete AFTER DELETE ON sessions
FOR EACH ROW EXECUTE FUNCTION logline_session_ended();
