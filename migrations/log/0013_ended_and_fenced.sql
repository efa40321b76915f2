-- Topics that end, and producers that are replaced. Written by hand. The reasons are in docs/decisions/026.
--
-- Both are decided under the log's lock, in the statement that appends. So nothing stands behind the end of a topic, and
-- nothing of an older epoch behind a newer one.
--
-- "$ended" is an event like any other: who inserts it ends the topic that it names. The trigger of the INSERT notes its id in
-- `log_topics`. The look at `log_topics` that each append makes anyway finds ended topics, too.
CREATE FUNCTION logline_refuse_ended(p_topic text, p_table text) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	RAISE EXCEPTION 'The topic "%" has ended', p_topic USING
		ERRCODE = 'check_violation', TABLE = p_table, COLUMN = 'topic', CONSTRAINT = p_table || '_ended_check',
		DETAIL = p_topic, HINT = 'It takes no more events. The table "log_topics" says which event ended it.';
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_refuse_ended(text, text) IS 'Raises an error for a topic that has ended. Its detail is the topic.';
--> statement-breakpoint
-- Called under the log's lock, so two transactions cannot add the same topic.
CREATE OR REPLACE FUNCTION logline_meet_topics(p_topics text[]) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	ended text;
	any_declared boolean;
	met text;
	declared text;
BEGIN
	SELECT (SELECT topic FROM log_topics WHERE topic = ANY (p_topics) AND ended_id IS NOT NULL LIMIT 1),
		EXISTS (SELECT FROM topics)
	INTO ended, any_declared;
	IF ended IS NOT NULL THEN
		PERFORM logline_refuse_ended(ended, 'events');
	END IF;
	IF NOT any_declared THEN
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
COMMENT ON FUNCTION logline_meet_topics(text[]) IS 'Remembers topics at their first event, and refuses those that are not declared or have ended. Called under the lock of the log.';
--> statement-breakpoint
CREATE FUNCTION logline_mark_ended(p_ids bigint[], p_topics text[]) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	declared text;
BEGIN
	FOR i IN 1 .. cardinality(p_ids) LOOP
		declared := logline_pattern_of(p_topics[i]);
		IF declared IS NULL THEN
			PERFORM logline_refuse_topic(coalesce(p_topics[i], ''), 'events');
		END IF;
		INSERT INTO log_topics (topic, pattern, ended_id) VALUES (p_topics[i], declared, p_ids[i])
		ON CONFLICT (topic) DO UPDATE SET ended_id = excluded.ended_id WHERE log_topics.ended_id IS NULL;
		IF NOT FOUND THEN
			PERFORM logline_refuse_ended(p_topics[i], 'events');
		END IF;
	END LOOP;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_mark_ended(bigint[], text[]) IS 'Notes which event "$ended" has ended which topic. Called under the lock of the log.';
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
	PERFORM pg_notify('logline_events', highest::text);
	RETURN NULL;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_after_insert() IS 'Trigger on events: notifies the servers (channel logline_events, the highest id). It refuses ids that the writer has chosen, topics that are not declared or have ended, and events whose scopes have queued losses.';
--> statement-breakpoint
-- With another isolation level, what was committed while the writer waited for the lock is not seen: losses of grants, and the
-- end of a topic. FOR SHARE fails when the row has changed since the snapshot; so does the INSERT of a row that exists already.
CREATE OR REPLACE FUNCTION logline_check_snapshot(p_topics text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	IF EXISTS (
		SELECT FROM unnest(p_topics) AS t(topic) JOIN log_topics USING (topic) JOIN topics USING (pattern)
		WHERE access = 'granted'
	) THEN
		RAISE EXCEPTION 'INSERT INTO events for a topic with grants needs READ COMMITTED' USING
			ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Insert the same columns into "outbox".';
	END IF;
	PERFORM 1 FROM log_topics WHERE topic = ANY (p_topics) FOR SHARE;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_check_snapshot(text[]) IS 'Refuses topics with grants, and topics that have ended since the snapshot. Called for writers that may not see the newest losses of grants, and the newest ends.';
--> statement-breakpoint
-- Inside a larger transaction, the end keeps its place behind the outbox rows that the transaction has written before.
CREATE FUNCTION logline_end(p_topic text) RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	ended bigint;
BEGIN
	IF logline_pattern_of(p_topic) IS NULL THEN
		PERFORM logline_refuse_topic(p_topic, 'log_topics');
	END IF;
	IF pg_current_xact_id_if_assigned() IS NOT NULL AND NOT logline_holds_lock() THEN
		INSERT INTO outbox (topic, data) VALUES ('$ended', jsonb_build_object('topic', p_topic));
		RETURN NULL;
	END IF;
	PERFORM logline_lock();
	SELECT ended_id INTO ended FROM log_topics WHERE topic = p_topic;
	IF ended IS NULL THEN
		INSERT INTO events (topic, data) VALUES ('$ended', jsonb_build_object('topic', p_topic)) RETURNING id INTO ended;
	END IF;
	RETURN ended;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_end(text) IS 'Ends a topic: logline_end(''rooms/42/messages''). Later events of it are refused. Returns the id of its event "$ended", also when it had ended before; null: the end takes its place in the log after the commit of this transaction, which has written before.';
--> statement-breakpoint
ALTER TABLE producers ADD CONSTRAINT producers_bounds_check CHECK (octet_length(name) BETWEEN 1 AND 200 AND epoch >= 0);
--> statement-breakpoint
CREATE FUNCTION logline_refuse_epoch(p_producer text, p_epoch bigint, p_highest bigint, p_table text) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	RAISE EXCEPTION 'Producer "%" writes in epoch % now, and no longer in %', p_producer, p_highest, p_epoch USING
		ERRCODE = 'check_violation', TABLE = p_table, COLUMN = 'epoch', CONSTRAINT = p_table || '_fenced_check',
		DETAIL = p_producer, HINT = 'Another writer has taken over. Stop, or begin again with a higher epoch.';
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_refuse_epoch(text, bigint, bigint, text) IS 'Raises an error for an epoch that is over. Its detail is the name of the producer.';
--> statement-breakpoint
-- An event whose key was used before adds nothing, so its epoch does not count: its writer learns the id of what it has
-- written when the epoch was its own.
CREATE FUNCTION logline_fence(p_producers text[], p_epochs bigint[], p_keys text[]) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	late record;
BEGIN
	WITH fresh AS (
		SELECT i.* FROM (
			SELECT *, row_number() OVER (PARTITION BY key ORDER BY n) AS time
			FROM unnest(p_producers, p_epochs, coalesce(p_keys, ARRAY[]::text[])) WITH ORDINALITY AS a(producer, epoch, key, n)
		) AS i
		WHERE producer IS NOT NULL
			AND (key IS NULL OR time = 1 AND NOT EXISTS (SELECT FROM event_keys AS k WHERE k.key = i.key))
	), judged AS MATERIALIZED (
		SELECT fresh.*, greatest(p.epoch, max(fresh.epoch) OVER (PARTITION BY producer ORDER BY n)) AS highest
		FROM fresh LEFT JOIN producers AS p ON p.name = fresh.producer
	), raised AS (
		INSERT INTO producers (name, epoch) SELECT producer, max(epoch) FROM judged GROUP BY producer
		ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch, since = excluded.since WHERE producers.epoch < excluded.epoch
	)
	SELECT producer, epoch, highest INTO late FROM judged WHERE epoch < highest ORDER BY n LIMIT 1;
	IF FOUND THEN
		PERFORM logline_refuse_epoch(late.producer, late.epoch, late.highest, 'events');
	END IF;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_fence(text[], bigint[], text[]) IS 'Raises the epochs of producers to those of some events, in their order, and refuses an event whose epoch is older. Called under the lock of the log.';
--> statement-breakpoint
-- A server of an earlier version calls it with fewer parameters. A second function beside the first would be ambiguous.
DROP FUNCTION logline_append(uuid, text[], text[], jsonb[], text[], timestamptz[]);
--> statement-breakpoint
CREATE FUNCTION logline_append(
	p_batch uuid, p_topics text[], p_users text[], p_data jsonb[], p_keys text[] DEFAULT NULL,
	p_created timestamptz[] DEFAULT NULL, p_producers text[] DEFAULT NULL, p_epochs bigint[] DEFAULT NULL,
	OUT ids bigint[], OUT appended boolean[]
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

	IF p_batch IS NOT NULL THEN
		INSERT INTO append_batches (batch, ids, appended) VALUES (p_batch, logline_append.ids, logline_append.appended);
	END IF;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_append(uuid, text[], text[], jsonb[], text[], timestamptz[], text[], bigint[]) IS 'Appends events in one statement. Returns their ids in the order of the input; for a key that was used before, the id of its first event, and false in "appended". The same batch again appends nothing and returns the same. Events of a producer whose epoch is over, and of topics that have ended, are refused together with their batch.';
--> statement-breakpoint
-- Functions that hold the lock look each row up by an index, whatever the planner knows of the tables. Statistics from when a
-- table was empty once made them read it whole, for seconds: hence enable_seqscan, and lookups by LIMIT 1, which cannot be
-- turned into a join.
CREATE OR REPLACE FUNCTION logline_relay(
	p_seen pg_snapshot DEFAULT NULL, p_rows int DEFAULT 5000, p_octets bigint DEFAULT 4194304,
	OUT moved int, OUT refused text, OUT more boolean, OUT seen pg_snapshot
) LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan = off AS $$
DECLARE
	-- What a gain counts for, in octets: the lock is held for as long as for an event of this size. So a page has 1,200 of them.
	gain CONSTANT int := 3500;
	txs xid8[];
	numbers bigint[];
	topics text[];
	users text[];
	payloads jsonb[];
	keys text[];
	created timestamptz[];
	writers text[];
	epochs bigint[];
	state text;
	reason text;
	violated text;
BEGIN
	PERFORM logline_lock();
	IF EXISTS (SELECT FROM grant_losses) THEN
		IF NOT logline_apply_losses(least(p_rows, 1000)) THEN
			RAISE EXCEPTION 'the table grants is locked' USING ERRCODE = 'lock_not_available';
		END IF;
		IF EXISTS (SELECT FROM grant_losses) THEN
			moved := 0;
			more := true;
			seen := p_seen;
			RETURN;
		END IF;
	END IF;
	WITH candidate AS MATERIALIZED (
		SELECT place, row_number() OVER page AS number, sum(size) OVER page - size AS octets_before
		FROM (
			SELECT * FROM (
				SELECT o.ctid AS place, o.n, CASE o.topic WHEN '$grants' THEN gain ELSE o.size END AS size
				FROM outbox o WHERE o.tx >= coalesce(pg_snapshot_xmax(p_seen), '0'::xid8)
				UNION ALL
				SELECT o.ctid, o.n, CASE o.topic WHEN '$grants' THEN gain ELSE o.size END
				FROM outbox o WHERE o.tx = ANY (ARRAY(SELECT pg_snapshot_xip(p_seen)))
			) AS both_kinds
			ORDER BY n
			LIMIT p_rows + 1
		) AS first_rows
		WINDOW page AS (ORDER BY n ROWS UNBOUNDED PRECEDING)
	), chosen AS MATERIALIZED (
		SELECT place FROM candidate WHERE number <= p_rows AND octets_before < p_octets
	), taken AS (
		DELETE FROM outbox WHERE ctid = ANY (ARRAY(SELECT place FROM chosen)) RETURNING *
	)
	SELECT count(*), array_agg(t.tx ORDER BY n), array_agg(n ORDER BY n), array_agg(t.topic ORDER BY n),
		array_agg(user_id ORDER BY n), array_agg(data ORDER BY n),
		CASE WHEN count(t.key) > 0 THEN array_agg(t.key ORDER BY n) END,
		array_agg(t.created_at ORDER BY n), CASE WHEN count(t.producer) > 0 THEN array_agg(t.producer ORDER BY n) END,
		CASE WHEN count(t.producer) > 0 THEN array_agg(t.epoch ORDER BY n) END, pg_current_snapshot(),
		(SELECT count(*) FROM candidate) > (SELECT count(*) FROM chosen)
	INTO moved, txs, numbers, topics, users, payloads, keys, created, writers, epochs, seen, more
	FROM taken t;
	IF more THEN
		seen := p_seen; -- the next page looks at the same transactions
	END IF;
	IF moved = 0 THEN
		RETURN;
	END IF;
	BEGIN
		IF topics && ARRAY['$grants', '$ended'] THEN
			PERFORM logline_append_notes(topics, users, payloads, keys, created, writers, epochs);
		ELSE
			PERFORM logline_append(NULL, topics, users, payloads, keys, created, writers, epochs);
		END IF;
		IF p_rows = 1 THEN
			SET CONSTRAINTS ALL IMMEDIATE; -- check now what the commit would check: here the cause is known
		END IF;
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, reason = MESSAGE_TEXT, violated = CONSTRAINT_NAME;
		-- Errors that the row has not caused: connection, transaction, lock, privilege, disk, corrupt data, or a partition
		-- that does not exist yet (a failed CHECK has the same code, but also a name).
		IF p_rows > 1 OR state ~ '^(08|25|40|42501|53|55P03|55006|57|58|XX00[12])' OR state = '23514' AND violated = '' THEN
			RAISE;
		END IF;
		moved := 0;
		refused := format('%s (%s)', reason, state);
		INSERT INTO dead_letters (tx, n, topic, user_id, data, key, created_at, producer, epoch, error)
		VALUES (txs[1], numbers[1], topics[1], users[1], payloads[1], keys[1], created[1], writers[1], epochs[1], refused);
	END;
END
$$;
--> statement-breakpoint
DROP FUNCTION logline_append_gains(text[], text[], jsonb[], text[], timestamptz[]);
--> statement-breakpoint
-- A pair that was noted gains a grant when it has one and the log does not know it yet. A topic that was noted ends when it has
-- not ended. Of several equal notes in one page, the first counts.
CREATE FUNCTION logline_append_notes(
	p_topics text[], p_users text[], p_data jsonb[], p_keys text[], p_created timestamptz[], p_producers text[], p_epochs bigint[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	topics text[];
	users text[];
	payloads jsonb[];
	keys text[];
	created timestamptz[];
	writers text[];
	epochs bigint[];
	ids bigint[];
BEGIN
	IF '$grants' = ANY (p_topics) THEN
		LOCK TABLE grants IN ACCESS SHARE MODE NOWAIT;
	END IF;
	SELECT array_agg(CASE topic WHEN '$grants' THEN '$granted' ELSE topic END ORDER BY n), array_agg(user_id ORDER BY n),
		array_agg(CASE topic WHEN '$grants' THEN jsonb_build_object('scope', data) ELSE data END ORDER BY n),
		CASE WHEN p_keys IS NOT NULL THEN array_agg(key ORDER BY n) END, array_agg(created_at ORDER BY n),
		CASE WHEN p_producers IS NOT NULL THEN array_agg(producer ORDER BY n) END,
		CASE WHEN p_producers IS NOT NULL THEN array_agg(epoch ORDER BY n) END
	INTO topics, users, payloads, keys, created, writers, epochs
	FROM (
		SELECT i.*, row_number() OVER (PARTITION BY topic, user_id, data ORDER BY n) AS time
		FROM unnest(p_topics, p_users, p_data, coalesce(p_keys, ARRAY[]::text[]), p_created,
			coalesce(p_producers, ARRAY[]::text[]), coalesce(p_epochs, ARRAY[]::bigint[]))
			WITH ORDINALITY AS i(topic, user_id, data, key, created_at, producer, epoch, n)
	) AS noted
	WHERE CASE topic
		WHEN '$grants' THEN time = 1
			AND (SELECT true FROM grants g
				WHERE g.user_id = noted.user_id AND g.scope = noted.data #>> '{}' LIMIT 1) IS NOT NULL
			AND (SELECT true FROM grant_history h
				WHERE h.user_id = noted.user_id AND h.scope = noted.data #>> '{}' AND h.until_id IS NULL LIMIT 1) IS NULL
		WHEN '$ended' THEN time = 1 AND NOT EXISTS (
			SELECT FROM log_topics AS known WHERE known.topic = noted.data->>'topic' AND known.ended_id IS NOT NULL)
		ELSE true END;
	IF topics IS NULL THEN
		RETURN;
	END IF;
	SELECT a.ids INTO ids FROM logline_append(NULL, topics, users, payloads, keys, created, writers, epochs) AS a;
	INSERT INTO grant_history (user_id, scope, from_id)
	SELECT user_id, data->>'scope', id FROM unnest(topics, users, payloads, ids) AS i(topic, user_id, data, id)
	WHERE topic = '$granted';
	-- A grant that was taken back since it was compared: the trigger of the INSERT has met that loss before there was a row.
	INSERT INTO grant_losses (scope, user_id)
	SELECT data->>'scope', user_id FROM unnest(topics, users, payloads) AS i(topic, user_id, data)
	WHERE topic = '$granted' AND (SELECT true FROM grants g
		WHERE g.user_id = i.user_id AND g.scope = i.data->>'scope' LIMIT 1) IS NULL;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_append_notes(text[], text[], jsonb[], text[], timestamptz[], text[], bigint[]) IS 'Appends rows of the outbox among which are notes of grants and of ends: each pair that has gained a grant gets an event "$granted", each topic that ends an event "$ended". Called by logline_relay().';
--> statement-breakpoint
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
	IF current_setting('logline.kick', true) IS DISTINCT FROM 'off' THEN
		PERFORM pg_notify('logline_outbox', '');
	END IF;
	RETURN NULL;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_outbox_notify() IS 'Trigger on outbox: refuses topics that are not declared or have ended, and wakes the relays of all servers (channel logline_outbox), unless logline.kick is off.';
--> statement-breakpoint
-- Only an early answer: the relay compares the epoch again, under the lock.
CREATE FUNCTION logline_check_producer() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	highest bigint := (SELECT epoch FROM producers WHERE name = NEW.producer);
BEGIN
	IF NEW.producer IS NULL OR NEW.epoch IS NULL OR octet_length(NEW.producer) NOT BETWEEN 1 AND 200 OR NEW.epoch < 0 THEN
		RAISE EXCEPTION 'A producer has a name and an epoch' USING
			ERRCODE = 'check_violation', TABLE = 'outbox', COLUMN = 'producer', CONSTRAINT = 'outbox_producer_check',
			HINT = 'Give both: a name of 1 to 200 octets, and an epoch of 0 or more. Or none.';
	END IF;
	IF NEW.epoch < highest THEN
		PERFORM logline_refuse_epoch(NEW.producer, NEW.epoch, highest, 'outbox');
	END IF;
	RETURN NEW;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_check_producer() IS 'Trigger on outbox: refuses a producer without a name or an epoch, and one whose epoch is over.';
--> statement-breakpoint
CREATE TRIGGER outbox_before_insert_producer BEFORE INSERT ON outbox
FOR EACH ROW WHEN (NEW.producer IS NOT NULL OR NEW.epoch IS NOT NULL) EXECUTE FUNCTION logline_check_producer();
