-- Partitions of `events`. Written by hand.
--
-- Statement triggers fire for the table that the statement names. An INSERT that names a partition would run without the
-- triggers of `events`.
CREATE FUNCTION logline_refuse_partition() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	RAISE EXCEPTION 'INSERT INTO % is not ordered', TG_TABLE_NAME
		USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Insert into "events".';
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_refuse_partition() IS 'Trigger on each partition of events: refuses an INSERT that names the partition.';
--> statement-breakpoint
CREATE FUNCTION logline_last_partitioned() RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path FROM CURRENT AS $$
	SELECT coalesce(max((regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''?(\d+)'))[1]::bigint), 1) - 1
	FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
	WHERE i.inhparent = 'events'::regclass
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_last_partitioned() IS 'Returns the greatest id that has a partition.';
--> statement-breakpoint
-- It creates a table and attaches it. CREATE TABLE ... PARTITION OF would take a lock that blocks readers and writers.
CREATE FUNCTION logline_ensure_partitions(size bigint DEFAULT 5000000, ahead int DEFAULT 2, wait boolean DEFAULT false)
RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	lower_bound bigint;
	upper_bound bigint;
	head bigint;
	partition_name text;
	made int := 0;
BEGIN
	IF wait THEN
		PERFORM pg_advisory_xact_lock(hashtextextended('logline.partitions', 0));
	ELSIF NOT pg_try_advisory_xact_lock(hashtextextended('logline.partitions', 0)) THEN
		RETURN 0;
	END IF;
	lower_bound := logline_last_partitioned() + 1;
	SELECT last_value INTO head FROM events_id_seq;
	WHILE lower_bound <= head + ahead * size LOOP
		upper_bound := lower_bound + size;
		-- When the sequence was set far ahead, one large partition reaches beyond it. Otherwise thousands would be made.
		IF lower_bound <= head THEN
			upper_bound := ((head - 1) / size + 1) * size + 1;
		END IF;
		partition_name := 'events_' || lower_bound;
		EXECUTE format(
			'CREATE TABLE %I (LIKE events INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING CONSTRAINTS INCLUDING COMMENTS, CHECK (id >= %s AND id < %s))',
			partition_name, lower_bound, upper_bound);
		EXECUTE format('CREATE TRIGGER refuse_direct_insert BEFORE INSERT ON %I FOR EACH STATEMENT EXECUTE FUNCTION logline_refuse_partition()', partition_name);
		EXECUTE format('ALTER TABLE events ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
			partition_name, lower_bound, upper_bound);
		EXECUTE format('COMMENT ON TABLE %I IS ''Events %s to %s. Insert into "events", never here.''',
			partition_name, lower_bound, upper_bound - 1);
		lower_bound := upper_bound;
		made := made + 1;
	END LOOP;
	RETURN made;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_ensure_partitions(bigint, int, boolean) IS 'Makes partitions until there is room for "ahead" times "size" ids beyond the last one given out. Returns how many it made. While another session does the same: returns 0, or with "wait" first waits for it.';
--> statement-breakpoint
-- The session remembers the end of the last partition. With hundreds of partitions, reading it costs as much as a small
-- INSERT.
CREATE FUNCTION logline_ids_left() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	last bigint := nullif(current_setting('logline.last_partitioned', true), '')::bigint;
	head bigint;
BEGIN
	SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO head FROM events_id_seq;
	IF last IS NULL OR last - head < 10000000 THEN
		last := logline_last_partitioned();
		PERFORM set_config('logline.last_partitioned', last::text, false);
	END IF;
	RETURN last - head;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_ids_left() IS 'Returns how many ids can be given out before the partitions are full.';
--> statement-breakpoint
-- It also waits when another session has just made partitions: for a moment they are in the catalog but not yet in what
-- this session knows of the table. The other session releases its lock after that moment.
CREATE FUNCTION logline_make_room(wanted bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	known bigint := nullif(current_setting('logline.last_partitioned', true), '')::bigint;
BEGIN
	IF logline_ids_left() < wanted OR known - (SELECT last_value FROM events_id_seq) < wanted THEN
		PERFORM logline_ensure_partitions(wait => true);
	END IF;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_make_room(bigint) IS 'Makes partitions when those that this session knows have no room for so many rows. Call it under the lock of the log, before the INSERT.';
--> statement-breakpoint
-- A statement cannot attach a partition to the table into which it inserts. So a plain INSERT asks the servers for more,
-- long before the last partition is full.
CREATE FUNCTION logline_before_insert_room() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	ids bigint := logline_ids_left();
BEGIN
	IF ids <= 0 THEN
		RAISE EXCEPTION 'the log has no partition for the next event'
			USING ERRCODE = 'check_violation', HINT = 'Run "SELECT logline_ensure_partitions()" and try again. A running server does so within seconds.';
	ELSIF ids < 10000000 THEN
		PERFORM pg_notify('logline_partitions', '');
	END IF;
	RETURN NULL;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_before_insert_room() IS 'Trigger on events: asks the servers for partitions (channel logline_partitions) before the last one is full.';
--> statement-breakpoint
-- Triggers run in order of name: this one runs after events_before_insert, which takes the lock.
CREATE TRIGGER events_before_insert_room BEFORE INSERT ON events
FOR EACH STATEMENT EXECUTE FUNCTION logline_before_insert_room();
--> statement-breakpoint
SELECT logline_ensure_partitions();
