-- The same functions as before, with fewer statements in each append: one that looks at a table costs 5 to 15 microseconds, even
-- at an empty one, and an append had 24 of them. Written by hand. An assignment is cheaper than PERFORM, which is a statement.
CREATE FUNCTION logline_hold() RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	hold_ms CONSTANT int := coalesce(nullif(current_setting('logline.hold_ms', true), ''), '10000');
	bound text;
	current_ms bigint;
	done text;
BEGIN
	-- Readers see an event as soon as it is committed. With an asynchronous commit, a crash could remove it again, and the
	-- next events would get the same ids.
	IF current_setting('synchronous_commit') = 'off' THEN
		done := set_config('synchronous_commit', 'on', true);
	END IF;
	FOREACH bound IN ARRAY ARRAY['idle_in_transaction_session_timeout', 'statement_timeout'] LOOP
		current_ms := extract(epoch FROM current_setting(bound)::interval) * 1000; -- it prints as 0, 1500ms, 10s, 2min ...
		IF hold_ms > 0 AND (current_ms = 0 OR current_ms > hold_ms) THEN
			done := set_config(bound, hold_ms::text, true);
		END IF;
	END LOOP;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_hold() IS 'Sets for the transaction that holds the log: it commits to disk, and may neither be idle nor run a later statement for longer than logline.hold_ms (10000; 0: no limit).';
--> statement-breakpoint
CREATE OR REPLACE FUNCTION logline_lock() RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	done text;
BEGIN
	LOCK TABLE log_state IN EXCLUSIVE MODE;
	IF (SELECT place FROM log_state) IS DISTINCT FROM logline_place() THEN
		PERFORM logline_settle();
	END IF;
	done := logline_hold();
END
$$;
--> statement-breakpoint
CREATE FUNCTION logline_check_room() RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	ids bigint := logline_ids_left();
BEGIN
	-- It names the table, as Postgres does when it finds no partition: so it is told from what a trigger of the application raises.
	IF ids <= 0 THEN
		RAISE EXCEPTION 'the log has no partition for the next event'
			USING ERRCODE = 'check_violation', TABLE = 'events', HINT = 'Run "SELECT logline_ensure_partitions()" and try again. A running server does so within seconds.';
	ELSIF ids < 10000000 THEN
		PERFORM pg_notify('logline_partitions', '');
	END IF;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_check_room() IS 'Asks the servers for partitions (channel logline_partitions) before the last one is full, and refuses when it is. Called by the trigger of events when the session knows of fewer than ten million free ids.';
--> statement-breakpoint
DROP TRIGGER events_before_insert_room ON events;
--> statement-breakpoint
DROP FUNCTION logline_before_insert_room();
--> statement-breakpoint
CREATE OR REPLACE FUNCTION logline_before_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	applying CONSTANT boolean := current_setting('logline.applying', true) IS NOT DISTINCT FROM 'on';
	head bigint;
	losses boolean;
	done text;
BEGIN
	-- A transaction that has written something may hold a row lock that another waiting writer needs. Waiting for the log
	-- would then be a deadlock.
	IF pg_current_xact_id_if_assigned() IS NOT NULL AND NOT logline_holds_lock() THEN
		RAISE EXCEPTION 'INSERT INTO events must be the first write of its transaction'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'Inside a larger transaction, insert the same columns into "outbox": the event becomes visible with your commit.';
	END IF;
	IF coalesce(current_setting('logline.gains', true), '') IN ('all', 'some') THEN
		-- logline_append() has done the rest. The lock is what the order rests on, so it is taken again whatever a setting says.
		LOCK TABLE log_state IN EXCLUSIVE MODE;
	ELSE
		done := logline_lock();
		IF NOT applying THEN
			done := set_config('logline.gains',
				CASE WHEN logline_apply_gains() THEN '' ELSE 'some, seen by the trigger' END, true);
		END IF;
	END IF;
	SELECT CASE WHEN is_called THEN last_value ELSE 0 END, EXISTS (SELECT FROM grant_losses)
	INTO head, losses FROM events_id_seq;
	IF losses AND NOT applying THEN
		IF (SELECT count(*) <= 500 AND bool_and(scope IS NOT NULL) FROM (SELECT scope FROM grant_losses LIMIT 501) AS few) THEN
			PERFORM logline_apply_losses(500);
			SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO head FROM events_id_seq;
		END IF;
	END IF;
	IF coalesce(nullif(current_setting('logline.last_partitioned', true), '')::bigint, 0) - head < 10000000 THEN
		PERFORM logline_check_room();
	END IF;
	done := set_config('logline.head', head::text, true);
	RETURN NULL;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_before_insert() IS 'Trigger on events: takes the lock of the log before the first id is drawn, applies queued losses and gains of grants, asks for partitions in time, and refuses an INSERT that is not the first write of its transaction.';
--> statement-breakpoint
-- A CHECK is read from its text again by each statement, which costs more than the look at the rows. So an INSERT is checked by
-- its trigger, which has the rows in its hands, and an UPDATE by another one.
CREATE FUNCTION logline_check_bounds(p_topic text, p_user text, p_size int, p_data jsonb, p_created timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	IF octet_length(p_topic) BETWEEN 1 AND 200
		AND octet_length(coalesce(p_user, 'x')) BETWEEN 1 AND 200
		AND p_size <= 1048576
		AND NOT p_data @? '$.**{200}'
		AND p_created >= '0001-01-01 00:00:00+00' AND p_created < '10000-01-01 00:00:00+00' THEN
		RETURN;
	END IF;
	PERFORM logline_refuse('events', p_topic, p_user, p_data, p_created);
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_check_bounds(text, text, int, jsonb, timestamptz) IS 'Raises an error that says which bound a row of events passes and what to do. The triggers of events call it.';
--> statement-breakpoint
CREATE FUNCTION logline_after_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	PERFORM logline_check_bounds(topic, user_id, size, data, created_at) FROM updated;
	RETURN NULL;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_after_update() IS 'Trigger on events: a changed row has the bounds of a new one.';
--> statement-breakpoint
CREATE TRIGGER events_after_update AFTER UPDATE ON events
REFERENCING NEW TABLE AS updated FOR EACH STATEMENT EXECUTE FUNCTION logline_after_update();
--> statement-breakpoint
ALTER TABLE events DROP CONSTRAINT events_bounds_check;
--> statement-breakpoint
-- What an index would refuse, with an error that says less, before a trigger sees it.
ALTER TABLE events ADD CONSTRAINT events_bounds_check CHECK (
	octet_length(topic) <= 200 AND octet_length(coalesce(user_id, '')) <= 200 OR logline_refuse('events', topic, user_id, data, created_at)
) NOT VALID;
--> statement-breakpoint
CREATE OR REPLACE FUNCTION logline_after_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	lowest bigint;
	highest bigint;
	topics_of text[];
	unmet text[];
	losses boolean;
	drawn bigint;
	end_ids bigint[];
	ended text[];
	late text;
	fits boolean;
	done text;
BEGIN
	SELECT min(low), max(high), bool_and(fit), array_agg(topic), array_agg(topic) FILTER (
		WHERE NOT EXISTS (SELECT FROM log_topics AS known WHERE known.topic = t.topic AND known.ended_id IS NULL)
	), EXISTS (SELECT FROM grant_losses), (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM events_id_seq)
	INTO lowest, highest, fits, topics_of, unmet, losses, drawn
	FROM (
		SELECT topic, min(id) AS low, max(id) AS high, bool_and(
			octet_length(topic) BETWEEN 1 AND 200
			AND (user_id IS NULL OR octet_length(user_id) BETWEEN 1 AND 200)
			-- 200 levels are more than 400 octets.
			AND (size <= 400 OR size <= 1048576 AND NOT data @? '$.**{200}')
			AND created_at >= '0001-01-01 00:00:00+00' AND created_at < '10000-01-01 00:00:00+00'
		) AS fit
		FROM inserted GROUP BY topic
	) AS t;
	IF highest IS NULL THEN -- the statement inserted nothing
		RETURN NULL;
	END IF;
	IF NOT fits THEN
		PERFORM logline_check_bounds(topic, user_id, size, data, created_at) FROM inserted;
	END IF;
	-- An id that was not drawn under the lock could appear behind a reader that has already passed it.
	IF lowest <= current_setting('logline.head')::bigint OR highest > drawn THEN
		RAISE EXCEPTION 'events.id is given by the log, not by the writer'
			USING ERRCODE = 'generated_always', HINT = 'Leave the column "id" out of the INSERT.';
	END IF;
	IF unmet IS NOT NULL THEN
		PERFORM logline_meet_topics(unmet);
		IF '$ended' = ANY (unmet) THEN
			SELECT array_agg(id ORDER BY id), array_agg(data->>'topic' ORDER BY id) INTO end_ids, ended
			FROM inserted WHERE topic = '$ended';
			PERFORM logline_mark_ended(end_ids, ended);
			-- The same statement may have events of the topic, before its end and behind it.
			SELECT i.topic INTO late FROM inserted AS i JOIN log_topics AS known USING (topic)
			WHERE i.topic = ANY (ended) AND i.id > known.ended_id LIMIT 1;
			IF late IS NOT NULL THEN
				PERFORM logline_refuse_ended(late, 'events');
			END IF;
		END IF;
	END IF;
	IF losses THEN
		PERFORM logline_check_losses(topics_of);
	END IF;
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		PERFORM logline_check_snapshot(topics_of);
	END IF;
	IF current_setting('logline.gains', true) IN ('some', 'some, seen by the trigger') THEN
		PERFORM logline_check_gains(topics_of);
	END IF;
	done := pg_notify('logline_events', highest::text);
	RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE OR REPLACE FUNCTION logline_append(
	p_batch uuid, p_topics text[], p_users text[], p_data jsonb[], p_keys text[] DEFAULT NULL,
	p_created timestamptz[] DEFAULT NULL, p_producers text[] DEFAULT NULL, p_epochs bigint[] DEFAULT NULL,
	OUT ids bigint[], OUT appended boolean[]
) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	before CONSTANT text := coalesce(current_setting('logline.gains', true), '');
	here text;
	head bigint;
	gains boolean;
	done text;
BEGIN
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'logline_append needs READ COMMITTED: it must see what others committed while it waited for the lock';
	END IF;
	-- What logline_lock() does, and one look at everything else that matters, under the lock.
	LOCK TABLE log_state IN EXCLUSIVE MODE;
	SELECT s.place, (SELECT last_value FROM events_id_seq), EXISTS (SELECT FROM outbox WHERE topic = '$grants'), b.ids, b.appended
	INTO here, head, gains, ids, appended
	FROM log_state AS s LEFT JOIN append_batches AS b ON b.batch = p_batch;
	IF here IS DISTINCT FROM logline_place() THEN
		PERFORM logline_settle();
	END IF;
	done := logline_hold();
	IF ids IS NOT NULL THEN -- the same batch again
		RETURN;
	END IF;
	-- Rows of the outbox have times, and their place among the gains. A statement of its own: what the outbox brings may have a key
	-- of these events.
	done := set_config('logline.gains',
		CASE WHEN NOT gains OR p_created IS NOT NULL OR logline_apply_gains() THEN 'all' ELSE 'some' END, true);
	IF coalesce(nullif(current_setting('logline.last_partitioned', true), '')::bigint, 0) - head
		< greatest(cardinality(p_topics), 10000000) THEN
		PERFORM logline_make_room(cardinality(p_topics));
	END IF;
	IF p_producers IS NOT NULL THEN
		PERFORM logline_fence(p_producers, p_epochs, p_keys);
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

	done := set_config('logline.gains', before, true);
	IF p_batch IS NOT NULL THEN
		INSERT INTO append_batches (batch, ids, appended) VALUES (p_batch, logline_append.ids, logline_append.appended);
	END IF;
END
$$;
