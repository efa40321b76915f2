-- The same function as before, with two changes: what a trigger of the application refuses with the code of a failed CHECK is
-- the row's fault, and a locked row of the outbox does not hold up those who append.
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
	of_table text;
	waits text := current_setting('lock_timeout');
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
	-- Everybody who appends waits meanwhile: a row of the outbox that somebody else has locked is tried again later.
	PERFORM set_config('lock_timeout', '100ms', true);
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
	PERFORM set_config('lock_timeout', waits, true);
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
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, reason = MESSAGE_TEXT, violated = CONSTRAINT_NAME,
			of_table = TABLE_NAME;
		-- Errors that the row has not caused: connection, transaction, lock, privilege, disk, corrupt data, or a partition
		-- that does not exist yet. That one has the code of a failed CHECK and names a table, but no constraint. What a trigger
		-- raises with this code names neither.
		IF p_rows > 1 OR state ~ '^(08|25|40|42501|53|55P03|55006|57|58|XX00[12])'
			OR state = '23514' AND violated = '' AND of_table <> '' THEN
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
-- It names the table, as Postgres does when it finds no partition: so it is told from what a trigger of the application raises.
CREATE OR REPLACE FUNCTION logline_before_insert_room() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	ids bigint := logline_ids_left();
BEGIN
	IF ids <= 0 THEN
		RAISE EXCEPTION 'the log has no partition for the next event'
			USING ERRCODE = 'check_violation', TABLE = 'events', HINT = 'Run "SELECT logline_ensure_partitions()" and try again. A running server does so within seconds.';
	ELSIF ids < 10000000 THEN
		PERFORM pg_notify('logline_partitions', '');
	END IF;
	RETURN NULL;
END
$$;
