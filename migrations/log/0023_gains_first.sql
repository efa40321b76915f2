-- Grants before what follows them, also where the relay has not noted them yet. Written by hand, but for the index. The reasons are
-- in docs/decisions/024.
--
-- With `history: 'since-granted'`, a user sees what comes after the event "$granted". The outbox gives a grant its place in the
-- log, between the events before and after it in its transaction. What is appended directly once the grant has committed must
-- not come before it, however late the relay is: so a direct writer first moves what the outbox has.
CREATE INDEX "outbox_grants_idx" ON "outbox" USING btree (("data" #>> '{}')) WHERE "outbox"."topic" = '$grants';
--> statement-breakpoint
CREATE FUNCTION logline_apply_gains() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	before CONSTANT text := coalesce(current_setting('logline.gains', true), '');
BEGIN
	IF NOT EXISTS (SELECT FROM outbox WHERE topic = '$grants') OR NOT EXISTS (SELECT FROM topics WHERE history = 'since-granted') THEN
		RETURN true;
	END IF;
	-- A few rows are moved here. Many are moved by the relay, in pages; the writers that they concern wait without the lock.
	IF (SELECT count(*) > 500 FROM (SELECT FROM outbox LIMIT 501) AS few) THEN
		RETURN false;
	END IF;
	BEGIN
		PERFORM set_config('logline.gains', 'all', true);
		PERFORM logline_relay();
		PERFORM set_config('logline.gains', before, true);
	EXCEPTION WHEN OTHERS THEN
		RETURN false; -- a row that the log refuses: the relay finds it and sets it aside
	END;
	RETURN NOT EXISTS (SELECT FROM outbox WHERE topic = '$grants');
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_apply_gains() IS 'Moves the outbox into the log when it has notes of grants and is short. Called under the lock of the log. False: notes of grants are left.';
--> statement-breakpoint
CREATE FUNCTION logline_check_gains(p_topics text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	IF EXISTS (
		SELECT FROM unnest(p_topics) AS t(topic) JOIN log_topics USING (topic) JOIN topics USING (pattern)
		WHERE history = 'since-granted' AND EXISTS (
			SELECT FROM outbox AS o WHERE o.topic = '$grants' AND o.data #>> '{}' = ANY (ARRAY(SELECT logline_scopes(t.topic))))
	) THEN
		PERFORM pg_notify('logline_outbox', '');
		RAISE EXCEPTION 'grants are being noted, which concern a topic of this event' USING
			ERRCODE = 'lock_not_available', HINT = 'Try again in a moment, or insert into "outbox".';
	END IF;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_check_gains(text[]) IS 'Raises an error that passes while the outbox has notes of grants that concern one of the topics, and its history begins with the grant.';
--> statement-breakpoint
CREATE OR REPLACE FUNCTION logline_before_insert() RETURNS trigger
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
	IF EXISTS (SELECT FROM grant_losses) AND current_setting('logline.applying', true) IS DISTINCT FROM 'on' THEN
		IF (SELECT count(*) <= 500 AND bool_and(scope IS NOT NULL) FROM (SELECT scope FROM grant_losses LIMIT 501) AS few) THEN
			PERFORM logline_apply_losses(500);
		END IF;
	END IF;
	IF coalesce(current_setting('logline.gains', true), '') NOT IN ('all', 'some')
		AND current_setting('logline.applying', true) IS DISTINCT FROM 'on' THEN
		PERFORM set_config('logline.gains',
			CASE WHEN logline_apply_gains() THEN '' ELSE 'some, seen by the trigger' END, true);
	END IF;
	PERFORM set_config('logline.head',
		(SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM events_id_seq)::text, true);
	RETURN NULL;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_before_insert() IS 'Trigger on events: takes the lock of the log before the first id is drawn, applies queued losses and gains of grants, and refuses an INSERT that is not the first write of its transaction.';
--> statement-breakpoint
CREATE OR REPLACE FUNCTION logline_after_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	lowest bigint;
	highest bigint;
	topics_of text[];
	unmet text[];
	losses boolean;
	end_ids bigint[];
	ended text[];
	late text;
BEGIN
	SELECT min(low), max(high), array_agg(topic), array_agg(topic) FILTER (
		WHERE NOT EXISTS (SELECT FROM log_topics AS known WHERE known.topic = t.topic AND known.ended_id IS NULL)
	), EXISTS (SELECT FROM grant_losses)
	INTO lowest, highest, topics_of, unmet, losses
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
	PERFORM pg_notify('logline_events', highest::text);
	RETURN NULL;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_after_insert() IS 'Trigger on events: notifies the servers (channel logline_events, the highest id). It refuses ids that the writer has chosen, topics that are not declared or have ended, and events whose scopes have queued losses or gains.';
--> statement-breakpoint
CREATE OR REPLACE FUNCTION logline_append(
	p_batch uuid, p_topics text[], p_users text[], p_data jsonb[], p_keys text[] DEFAULT NULL,
	p_created timestamptz[] DEFAULT NULL, p_producers text[] DEFAULT NULL, p_epochs bigint[] DEFAULT NULL,
	OUT ids bigint[], OUT appended boolean[]
) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	before CONSTANT text := coalesce(current_setting('logline.gains', true), '');
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
	-- Rows of the outbox have times, and their place among the gains. A statement of its own: what the outbox brings may have a key
	-- of these events.
	PERFORM set_config('logline.gains',
		CASE WHEN p_created IS NOT NULL OR logline_apply_gains() THEN 'all' ELSE 'some' END, true);
	PERFORM logline_make_room(cardinality(p_topics));
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

	PERFORM set_config('logline.gains', before, true);
	IF p_batch IS NOT NULL THEN
		INSERT INTO append_batches (batch, ids, appended) VALUES (p_batch, logline_append.ids, logline_append.appended);
	END IF;
END
$$;
