-- Who may see what, in the order of the log. Written by hand. The reasons are in docs/decisions/024.
--
-- `grants` is state that the app owns. `grant_history` says from which event to which a grant was true in the log. It is
-- written only under the log's lock, in one transaction with the events `$granted` and `$revoked`. Triggers on `grants` only
-- note which pairs have changed; whoever holds the lock compares the state. So a grant that is given by two sources, taken
-- back twice or changed many times before anybody looks needs no thought.
--
-- Losses come first: no event enters the log before the queued losses of its scopes. So what is appended after a revoke has
-- committed is not seen by the user who lost the grant. Gains keep their place in the outbox.
ALTER TABLE grants ADD CONSTRAINT grants_bounds_check CHECK (
	octet_length(user_id) BETWEEN 1 AND 200 AND octet_length(source) <= 200
	AND octet_length(scope) <= 200 AND scope ~ '^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$'
);
--> statement-breakpoint
-- Pages of losses are taken from the front, and deleted.
ALTER TABLE grant_losses SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
--> statement-breakpoint
CREATE FUNCTION logline_note_gains() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	wrong text;
BEGIN
	SELECT scope INTO wrong FROM (SELECT DISTINCT scope FROM changed) AS s
	WHERE NOT EXISTS (SELECT FROM topics WHERE s.scope ~ scope_regex) AND EXISTS (SELECT FROM topics)
	LIMIT 1;
	IF wrong IS NOT NULL THEN
		RAISE EXCEPTION '"%" is not a scope of a declared topic', wrong USING
			ERRCODE = 'check_violation', TABLE = 'grants', COLUMN = 'scope', CONSTRAINT = 'grants_declared_check',
			HINT = format('A scope is the beginning of a topic, up to a parameter''s value: "rooms/42" for "rooms/[room]/messages". Patterns: %s.',
				coalesce((SELECT string_agg(pattern, ', ' ORDER BY pattern) FROM topics WHERE scope_regex IS NOT NULL), 'none'));
	END IF;
	INSERT INTO outbox (topic, user_id, data) SELECT DISTINCT '$grants', user_id, to_jsonb(scope) FROM changed;
	RETURN NULL;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_note_gains() IS 'Trigger on grants: notes in the outbox which pairs may have gained a grant, and refuses scopes of no declared topic.';
--> statement-breakpoint
CREATE FUNCTION logline_note_losses() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	IF TG_OP = 'TRUNCATE' THEN
		INSERT INTO grant_losses (scope, user_id) VALUES (NULL, NULL);
	ELSE
		INSERT INTO grant_losses (scope, user_id) SELECT DISTINCT scope, user_id FROM changed;
	END IF;
	PERFORM pg_notify('logline_outbox', '');
	RETURN NULL;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_note_losses() IS 'Trigger on grants: notes which pairs may have lost their last grant, and wakes the relays.';
--> statement-breakpoint
CREATE TRIGGER grants_after_insert AFTER INSERT ON grants
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION logline_note_gains();
--> statement-breakpoint
CREATE TRIGGER grants_after_update_gains AFTER UPDATE ON grants
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION logline_note_gains();
--> statement-breakpoint
CREATE TRIGGER grants_after_update_losses AFTER UPDATE ON grants
REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION logline_note_losses();
--> statement-breakpoint
CREATE TRIGGER grants_after_delete AFTER DELETE ON grants
REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION logline_note_losses();
--> statement-breakpoint
CREATE TRIGGER grants_after_truncate AFTER TRUNCATE ON grants
FOR EACH STATEMENT EXECUTE FUNCTION logline_note_losses();
--> statement-breakpoint
-- Takes up to `p_rows` queued losses, compares them with `grants` and closes what is lost. An open transaction that truncates
-- `grants` must not stop the log: then it does nothing, and the losses wait.
--
-- The INSERT of its events must not begin with further losses: they could be of the same pairs. So it says that it is at
-- work. A client that says the same gains nothing, because logline_after_insert() looks at the queue again.
CREATE FUNCTION logline_apply_losses(p_rows int) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	all_pairs bigint[];
	scopes text[];
	users text[];
BEGIN
	BEGIN
		LOCK TABLE grants IN ACCESS SHARE MODE NOWAIT;
	EXCEPTION WHEN lock_not_available THEN
		RETURN false;
	END;
	all_pairs := ARRAY(SELECT n FROM grant_losses WHERE scope IS NULL);
	IF cardinality(all_pairs) > 0 THEN
		SELECT array_agg(scope), array_agg(user_id) INTO scopes, users FROM (
			SELECT h.scope, h.user_id FROM grant_history h
			WHERE h.until_id IS NULL
				AND NOT EXISTS (SELECT FROM grants g WHERE g.user_id = h.user_id AND g.scope = h.scope)
			LIMIT p_rows
		) AS lost;
		IF coalesce(cardinality(scopes), 0) < p_rows THEN
			DELETE FROM grant_losses WHERE n = ANY (all_pairs);
		END IF;
	ELSE
		WITH taken AS (
			DELETE FROM grant_losses WHERE n = ANY (ARRAY(SELECT n FROM grant_losses ORDER BY n LIMIT p_rows))
			RETURNING scope, user_id
		)
		SELECT array_agg(scope), array_agg(user_id) INTO scopes, users
		FROM (SELECT DISTINCT scope, user_id FROM taken ORDER BY user_id, scope) AS pairs;
	END IF;
	PERFORM set_config('logline.applying', 'on', true);
	WITH lost AS MATERIALIZED (
		SELECT p.scope, p.user_id FROM unnest(scopes, users) AS p(scope, user_id)
		WHERE EXISTS (
				SELECT FROM grant_history h WHERE h.user_id = p.user_id AND h.scope = p.scope AND h.until_id IS NULL)
			AND NOT EXISTS (SELECT FROM grants g WHERE g.user_id = p.user_id AND g.scope = p.scope)
	), told AS (
		INSERT INTO events (topic, user_id, data)
		SELECT '$revoked', user_id, jsonb_build_object('scope', scope) FROM lost
		RETURNING id, user_id, data->>'scope' AS scope
	)
	UPDATE grant_history h SET until_id = told.id FROM told
	WHERE h.user_id = told.user_id AND h.scope = told.scope AND h.until_id IS NULL;
	PERFORM set_config('logline.applying', 'off', true);
	RETURN true;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_apply_losses(int) IS 'Closes grants that are no longer there, and appends "$revoked" for each. Called under the lock of the log. False: another transaction holds the table grants.';
--> statement-breakpoint
-- A few losses are applied here. Many are applied by the relay, in pages; the writers that they concern wait without the
-- lock: logline_after_insert() sends them back.
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
	PERFORM set_config('logline.head',
		(SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM events_id_seq)::text, true);
	RETURN NULL;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_before_insert() IS 'Trigger on events: takes the lock of the log before the first id is drawn, applies queued losses of grants, and refuses an INSERT that is not the first write of its transaction.';
--> statement-breakpoint
CREATE FUNCTION logline_scopes(p_topic text) RETURNS SETOF text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
	SELECT left(p_topic, i - 1) FROM generate_series(2, length(p_topic)) AS i WHERE substr(p_topic, i, 1) = '/'
	UNION ALL SELECT p_topic
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_scopes(text) IS 'Returns the beginnings of a topic at its slashes, and the topic: every possible scope of it.';
--> statement-breakpoint
CREATE FUNCTION logline_check_losses(p_topics text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	IF EXISTS (
		SELECT FROM unnest(p_topics) AS t(topic) WHERE t.topic NOT LIKE '$%' AND strpos(t.topic, '/') > 0 AND (
			EXISTS (SELECT FROM grant_losses WHERE scope IS NULL)
			OR EXISTS (SELECT FROM grant_losses WHERE scope = ANY (ARRAY(SELECT logline_scopes(t.topic))))
		)
	) THEN
		PERFORM pg_notify('logline_outbox', '');
		RAISE EXCEPTION 'many grants are being taken back, which concern a topic of this event' USING
			ERRCODE = 'lock_not_available', HINT = 'Try again in a moment, or insert into "outbox".';
	END IF;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_check_losses(text[]) IS 'Raises an error that passes while losses of grants are queued that concern one of the topics.';
--> statement-breakpoint
CREATE OR REPLACE FUNCTION logline_after_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	lowest bigint;
	highest bigint;
	topics_of text[];
	unmet text[];
	losses boolean;
BEGIN
	SELECT min(low), max(high), array_agg(topic), array_agg(topic) FILTER (
		WHERE NOT EXISTS (SELECT FROM log_topics AS known WHERE known.topic = t.topic)
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
COMMENT ON FUNCTION logline_after_insert() IS 'Trigger on events: notifies the servers (channel logline_events, the highest id). It refuses ids that the writer has chosen, topics that are not declared, and events whose scopes have queued losses.';
--> statement-breakpoint
-- With another isolation level, the losses that were committed while the writer waited for the lock are not seen.
CREATE FUNCTION logline_check_snapshot(p_topics text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	IF EXISTS (
		SELECT FROM unnest(p_topics) AS t(topic) JOIN log_topics USING (topic) JOIN topics USING (pattern)
		WHERE access = 'granted'
	) THEN
		RAISE EXCEPTION 'INSERT INTO events for a topic with grants needs READ COMMITTED' USING
			ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Insert the same columns into "outbox".';
	END IF;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_check_snapshot(text[]) IS 'Refuses topics with grants. Called for writers that may not see the newest losses of grants.';
--> statement-breakpoint
CREATE OR REPLACE FUNCTION logline_relay(
	p_seen pg_snapshot DEFAULT NULL, p_rows int DEFAULT 5000, p_octets bigint DEFAULT 4194304,
	OUT moved int, OUT refused text, OUT more boolean, OUT seen pg_snapshot
) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	txs xid8[];
	numbers bigint[];
	topics text[];
	users text[];
	payloads jsonb[];
	keys text[];
	created timestamptz[];
	state text;
	reason text;
	violated text;
BEGIN
	PERFORM logline_lock();
	IF EXISTS (SELECT FROM grant_losses) THEN
		IF NOT logline_apply_losses(2000) THEN
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
				SELECT o.ctid AS place, o.n, o.size FROM outbox o WHERE o.tx >= coalesce(pg_snapshot_xmax(p_seen), '0'::xid8)
				UNION ALL
				SELECT o.ctid, o.n, o.size FROM outbox o WHERE o.tx = ANY (ARRAY(SELECT pg_snapshot_xip(p_seen)))
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
		array_agg(t.created_at ORDER BY n), pg_current_snapshot(),
		(SELECT count(*) FROM candidate) > (SELECT count(*) FROM chosen)
	INTO moved, txs, numbers, topics, users, payloads, keys, created, seen, more
	FROM taken t;
	IF more THEN
		seen := p_seen; -- the next page looks at the same transactions
	END IF;
	IF moved = 0 THEN
		RETURN;
	END IF;
	BEGIN
		IF '$grants' = ANY (topics) THEN
			PERFORM logline_append_gains(topics, users, payloads, keys, created);
		ELSE
			PERFORM logline_append(NULL, topics, users, payloads, keys, created);
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
		INSERT INTO dead_letters (tx, n, topic, user_id, data, key, created_at, error)
		VALUES (txs[1], numbers[1], topics[1], users[1], payloads[1], keys[1], created[1], refused);
	END;
END
$$;
--> statement-breakpoint
-- A pair that was noted gains a grant when it has one and the log does not know it yet. Of several notes of a pair in one
-- page, the first counts.
CREATE FUNCTION logline_append_gains(
	p_topics text[], p_users text[], p_data jsonb[], p_keys text[], p_created timestamptz[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	topics text[];
	users text[];
	payloads jsonb[];
	keys text[];
	created timestamptz[];
	ids bigint[];
BEGIN
	LOCK TABLE grants IN ACCESS SHARE MODE NOWAIT;
	SELECT array_agg(CASE topic WHEN '$grants' THEN '$granted' ELSE topic END ORDER BY n), array_agg(user_id ORDER BY n),
		array_agg(CASE topic WHEN '$grants' THEN jsonb_build_object('scope', data) ELSE data END ORDER BY n),
		CASE WHEN p_keys IS NOT NULL THEN array_agg(key ORDER BY n) END, array_agg(created_at ORDER BY n)
	INTO topics, users, payloads, keys, created
	FROM (
		SELECT i.*, row_number() OVER (PARTITION BY topic, user_id, data ORDER BY n) AS time
		FROM unnest(p_topics, p_users, p_data, coalesce(p_keys, ARRAY[]::text[]), p_created)
			WITH ORDINALITY AS i(topic, user_id, data, key, created_at, n)
	) AS noted
	WHERE topic <> '$grants' OR time = 1
		AND EXISTS (SELECT FROM grants g WHERE g.user_id = noted.user_id AND g.scope = noted.data #>> '{}')
		AND NOT EXISTS (
			SELECT FROM grant_history h
			WHERE h.user_id = noted.user_id AND h.scope = noted.data #>> '{}' AND h.until_id IS NULL);
	IF topics IS NULL THEN
		RETURN;
	END IF;
	SELECT a.ids INTO ids FROM logline_append(NULL, topics, users, payloads, keys, created) AS a;
	INSERT INTO grant_history (user_id, scope, from_id)
	SELECT user_id, data->>'scope', id FROM unnest(topics, users, payloads, ids) AS i(topic, user_id, data, id)
	WHERE topic = '$granted';
	-- A grant that was taken back since it was compared: the trigger of the INSERT has met that loss before there was a row.
	INSERT INTO grant_losses (scope, user_id)
	SELECT data->>'scope', user_id FROM unnest(topics, users, payloads) AS i(topic, user_id, data)
	WHERE topic = '$granted'
		AND NOT EXISTS (SELECT FROM grants g WHERE g.user_id = i.user_id AND g.scope = i.data->>'scope');
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_append_gains(text[], text[], jsonb[], text[], timestamptz[]) IS 'Appends rows of the outbox among which are notes of grants: each pair that has gained one gets an event "$granted". Called by logline_relay().';
--> statement-breakpoint
-- Repairs what no trigger has seen: rows that were restored, or changed while triggers were off.
CREATE FUNCTION logline_sweep_grants(p_rows int DEFAULT 5000) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	lost int;
	gained int;
BEGIN
	INSERT INTO grant_losses (scope, user_id)
	SELECT h.scope, h.user_id FROM grant_history h
	WHERE h.until_id IS NULL AND NOT EXISTS (SELECT FROM grants g WHERE g.user_id = h.user_id AND g.scope = h.scope)
	LIMIT p_rows;
	GET DIAGNOSTICS lost = ROW_COUNT;
	INSERT INTO outbox (topic, user_id, data)
	SELECT DISTINCT '$grants', g.user_id, to_jsonb(g.scope) FROM grants g
	WHERE g.created_at < now() - interval '1 minute' AND NOT EXISTS (
		SELECT FROM grant_history h WHERE h.user_id = g.user_id AND h.scope = g.scope AND h.until_id IS NULL)
	LIMIT p_rows;
	GET DIAGNOSTICS gained = ROW_COUNT;
	IF lost + gained > 0 THEN
		PERFORM pg_notify('logline_outbox', '');
	END IF;
	RETURN lost + gained;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_sweep_grants(int) IS 'Notes pairs whose grants and history differ, for the relay. Returns how many. The servers call it now and then.';
--> statement-breakpoint
-- A topic with several scopes stays visible as long as one of them is granted.
CREATE FUNCTION logline_granted_since(p_user text, p_scopes text[]) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
	since bigint := (
		SELECT min(from_id) FROM grant_history WHERE user_id = p_user AND scope = ANY (p_scopes) AND until_id IS NULL);
	earlier bigint;
BEGIN
	LOOP
		SELECT min(from_id) INTO earlier FROM grant_history
		WHERE user_id = p_user AND scope = ANY (p_scopes) AND until_id > since AND from_id < since;
		EXIT WHEN earlier IS NULL;
		since := earlier;
	END LOOP;
	RETURN since;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_granted_since(text, text[]) IS 'Returns the event since which a user could see one of the scopes without a break; null: not now.';
--> statement-breakpoint
COMMENT ON TABLE grants IS 'Who may see what, as the app says it: insert a row to let a user see the topics of a scope, delete it to end that. Open streams follow at once.';
--> statement-breakpoint
COMMENT ON COLUMN grants.scope IS 'Beginning of topics that ends with the value of a parameter: "rooms/42" for "rooms/42/messages".';
--> statement-breakpoint
COMMENT ON COLUMN grants.user_id IS 'User, as in events.user_id.';
--> statement-breakpoint
COMMENT ON COLUMN grants.source IS 'Who says it. A user keeps a scope until every source has taken it back.';
--> statement-breakpoint
COMMENT ON COLUMN grants.created_at IS 'When the row was made.';
--> statement-breakpoint
COMMENT ON TABLE grant_history IS 'From which event to which each user could see each scope. Written by the log together with the events "$granted" and "$revoked".';
--> statement-breakpoint
COMMENT ON COLUMN grant_history.user_id IS 'User.';
--> statement-breakpoint
COMMENT ON COLUMN grant_history.scope IS 'Scope, as in grants.';
--> statement-breakpoint
COMMENT ON COLUMN grant_history.from_id IS 'Id of the event "$granted".';
--> statement-breakpoint
COMMENT ON COLUMN grant_history.until_id IS 'Id of the event "$revoked". Null: the grant lasts.';
--> statement-breakpoint
COMMENT ON TABLE grant_losses IS 'Pairs that may have lost their last grant. They are compared under the lock of the log, before the next event of their scope.';
--> statement-breakpoint
COMMENT ON COLUMN grant_losses.n IS 'Order.';
--> statement-breakpoint
COMMENT ON COLUMN grant_losses.scope IS 'Scope. Null: every pair, after a TRUNCATE.';
--> statement-breakpoint
COMMENT ON COLUMN grant_losses.user_id IS 'User.';
