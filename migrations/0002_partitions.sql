-- Partitions of `events`.
-- Statement triggers fire for the table that the statement names: an INSERT that names a partition would pass both by.
CREATE FUNCTION logline_refuse_partition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'INSERT INTO % is not ordered', TG_TABLE_NAME
		USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Insert into "events".';
END
$$;
--> statement-breakpoint
-- The greatest id that has a partition.
CREATE FUNCTION logline_last_partitioned() RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path FROM CURRENT AS $$
	SELECT coalesce(max((regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''?(\d+)'))[1]::bigint), 1) - 1
	FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
	WHERE i.inhparent = 'events'::regclass
$$;
--> statement-breakpoint
-- Keeps room for `ahead` times `size` ids beyond the last one that was given. Attaching (and not PARTITION OF) takes a lock
-- that neither readers nor writers wait for. Returns how many partitions it made. When another session is at it: 0, or
-- with `wait` after the other is done, what was still missing.
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
		-- A sequence that was set far ahead: one piece that reaches beyond it, and not thousands.
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
-- How many ids can still be given before the partitions run out. The end of the last one is remembered by the session:
-- looking it up costs as much as a small INSERT once there are hundreds.
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
-- For who is about to insert `wanted` rows, under the lock of the log: makes partitions when those that this session knows
-- would not suffice. Also when another session has just made some: for a moment they are in the catalog and not yet in what
-- this session knows of the table; the lock of whoever made them is released after that moment.
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
-- A statement cannot attach a partition to the table it inserts into, so a plain INSERT asks the servers for more, long
-- before the last one is full. Named so that it runs after events_before_insert, which takes the lock.
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
CREATE TRIGGER events_before_insert_room BEFORE INSERT ON events
FOR EACH STATEMENT EXECUTE FUNCTION logline_before_insert_room();
--> statement-breakpoint
COMMENT ON FUNCTION logline_refuse_partition() IS 'Trigger: refuses an INSERT that names a partition.';
--> statement-breakpoint
COMMENT ON FUNCTION logline_last_partitioned() IS 'The greatest id that has a partition.';
--> statement-breakpoint
COMMENT ON FUNCTION logline_ensure_partitions(bigint, int, boolean) IS 'Makes partitions ahead of the log; returns how many.';
--> statement-breakpoint
COMMENT ON FUNCTION logline_ids_left() IS 'How many ids can still be given before the partitions run out.';
--> statement-breakpoint
COMMENT ON FUNCTION logline_make_room(bigint) IS 'Makes partitions when there is not enough room for so many rows. Under the lock of the log, before the INSERT.';
--> statement-breakpoint
COMMENT ON FUNCTION logline_before_insert_room() IS 'Trigger: asks the servers for partitions before the last one is full.';
--> statement-breakpoint
SELECT logline_ensure_partitions();
