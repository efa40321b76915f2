-- The outbox: for transactions that also write other tables. Written by hand. The reasons are in docs/decisions/002.
--
-- A row of `outbox` takes no lock. The relay moves committed rows into `events`. Each row is moved exactly once, because it
-- leaves one table and enters the other in one transaction.
--
-- The caller passes `p_seen`, which the last call returned. The relay then looks only at rows of transactions that were not
-- over at that time. So it stays fast while an old open transaction elsewhere keeps vacuum from removing dead rows.
--
-- A page has at most `p_rows` rows and ends with the row that reaches `p_octets`. When a page is refused, the caller asks for
-- smaller pages. In a page of one row, that row is the cause: it goes to `dead_letters`, and the rows behind it are moved.
-- Errors that no row has caused are raised in any case.
CREATE FUNCTION logline_relay(
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
		PERFORM logline_append(NULL, topics, users, payloads, keys, created);
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
COMMENT ON FUNCTION logline_relay(pg_snapshot, int, bigint) IS 'Moves a page of committed outbox rows into the log. The servers call it. When the log refuses a page of one row, the row goes to dead_letters.';
--> statement-breakpoint
-- Such rows were restored from a backup, or `p_seen` is from before a failover. It takes no lock.
CREATE FUNCTION logline_relay_overlooks(p_seen pg_snapshot) RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
	SELECT EXISTS (
		SELECT FROM outbox WHERE tx < pg_snapshot_xmax(p_seen) AND tx <> ALL (ARRAY(SELECT pg_snapshot_xip(p_seen)))
	)
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_relay_overlooks(pg_snapshot) IS 'True when outbox rows wait at which a relay with this snapshot does not look, because their transaction was over long ago.';
--> statement-breakpoint
-- The relay finds a row by the transaction that wrote it. A restore with triggers off may insert rows with another one;
-- logline_relay_overlooks() finds them later.
CREATE FUNCTION logline_refuse_tx() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	RAISE EXCEPTION 'outbox.tx is given by the log, not by the writer'
		USING ERRCODE = 'generated_always', HINT = 'Leave the columns "tx" and "n" out of the INSERT.';
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_refuse_tx() IS 'Trigger on outbox: refuses a row whose "tx" is not the transaction that inserts it.';
--> statement-breakpoint
CREATE TRIGGER outbox_before_insert BEFORE INSERT ON outbox
FOR EACH ROW WHEN (NEW.tx <> pg_current_xact_id()) EXECUTE FUNCTION logline_refuse_tx();
--> statement-breakpoint
-- Transactions that notify wait for each other when they commit. So a writer that wakes its own relay after its commit runs
-- `SET LOCAL logline.kick = off`.
CREATE FUNCTION logline_outbox_notify() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	IF current_setting('logline.kick', true) IS DISTINCT FROM 'off' THEN
		PERFORM pg_notify('logline_outbox', '');
	END IF;
	RETURN NULL;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_outbox_notify() IS 'Trigger on outbox: wakes the relays of all servers (channel logline_outbox), unless logline.kick is off.';
--> statement-breakpoint
CREATE TRIGGER outbox_after_insert AFTER INSERT ON outbox
FOR EACH STATEMENT EXECUTE FUNCTION logline_outbox_notify();
--> statement-breakpoint
ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
