-- The door for transactions that write other tables, too.
-- The door for everybody's larger transactions: rows put into `outbox` take no lock and become events here, exactly once,
-- because they leave one table and enter the other in one transaction. `p_seen` is what the caller's last call answered:
-- only rows of transactions that were not over then are looked at, so an old open transaction elsewhere, which keeps
-- vacuum from removing the dead rows, does not make this slow.
--
-- A page has at most `p_rows` rows, and ends with the row that reaches `p_octets`. When a page is refused, the caller asks
-- for smaller ones, and in a page of one row the row itself is at fault: it goes to `dead_letters`, and what is behind it
-- moves on. Only what is no fault of a row is raised then, too.
CREATE FUNCTION logline_relay(
	p_seen pg_snapshot DEFAULT NULL, p_rows int DEFAULT 5000, p_octets bigint DEFAULT 4194304,
	OUT moved int, OUT refused text, OUT more boolean, OUT seen pg_snapshot
) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	txs xid8[];
	numbers bigint[];
	topics text[];
	users bigint[];
	payloads jsonb[];
	keys text[];
	created timestamptz[];
	state text;
	reason text;
	violated text;
BEGIN
	PERFORM logline_lock();
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
		seen := p_seen; -- what is left is looked for in the same place
	END IF;
	IF moved = 0 THEN
		RETURN;
	END IF;
	BEGIN
		PERFORM logline_append(NULL, topics, users, payloads, keys, created);
		IF p_rows = 1 THEN
			SET CONSTRAINTS ALL IMMEDIATE; -- what the commit would refuse is refused while it is known whose fault it is
		END IF;
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, reason = MESSAGE_TEXT, violated = CONSTRAINT_NAME;
		-- No fault of the row: the connection, the transaction, a lock, a privilege, the disk, damage, or a partition that is
		-- not made yet (a CHECK that fails has the same code, and a name).
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
-- Whether rows wait that the relay does not look for, because their transaction was over long ago: rows that somebody
-- restored, or a snapshot from before a failover. Takes no lock.
CREATE FUNCTION logline_relay_overlooks(p_seen pg_snapshot) RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
	SELECT EXISTS (
		SELECT FROM outbox WHERE tx < pg_snapshot_xmax(p_seen) AND tx <> ALL (ARRAY(SELECT pg_snapshot_xip(p_seen)))
	)
$$;
--> statement-breakpoint
-- The relay finds a row by the transaction that wrote it. A restore with triggers off may bring others; they are found later.
CREATE FUNCTION logline_refuse_tx() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'outbox.tx is given by the log, not by the writer'
		USING ERRCODE = 'generated_always', HINT = 'Leave the columns "tx" and "n" out of the INSERT.';
END
$$;
--> statement-breakpoint
CREATE TRIGGER outbox_before_insert BEFORE INSERT ON outbox
FOR EACH ROW WHEN (NEW.tx <> pg_current_xact_id()) EXECUTE FUNCTION logline_refuse_tx();
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
