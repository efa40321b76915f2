-- The place of the log, and what may have been lost when it moved. Written by hand. The reasons are in docs/decisions/015.
--
-- A place is the file of the log's sequence and the timeline. The file identifies the database; a restored or emptied table
-- has another file. A promoted replica and a recovery to a point in time have another timeline.
CREATE FUNCTION logline_place() RETURNS text
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
	-- Not pg_control_checkpoint(): for some seconds after a promotion, it returns the old timeline.
	RETURN pg_relation_filepath('events_id_seq') || ' ' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8);
EXCEPTION WHEN OTHERS THEN
	-- A replica; or a service that does not show its WAL. There, the file alone is the place.
	RETURN CASE WHEN NOT pg_is_in_recovery() THEN pg_relation_filepath('events_id_seq') END;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_place() IS 'Returns where the log is: the file of its sequence and the timeline. Null on a replica, because the log is not there.';
--> statement-breakpoint
-- The previous server may have given out ids of which this server knows nothing: a failover to a replica that lacked the
-- last rows, or a restored backup. These ids must not be given out again. A reader that has received the old events would
-- take the new ones for the old ones. So a million ids are skipped, and the hole is recorded. A client with a cursor in the
-- hole has received events that were lost, and gets a gap. When nothing was lost, this costs only ids.
--
-- A caller that also writes makes partitions first: see logline_ensure_partitions().
CREATE FUNCTION logline_settle(skip bigint DEFAULT 1000000) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	here text := logline_place();
	known text;
	kept bigint;
	given bigint;
	last bigint;
BEGIN
	LOCK TABLE log_state IN EXCLUSIVE MODE;
	SELECT place INTO known FROM log_state;
	IF known = here THEN
		RETURN;
	END IF;
	IF known IS NOT NULL THEN
		-- Events that were trimmed have existed here. Events that were deleted by hand look like lost ones.
		kept := greatest((SELECT max(id) FROM events), (SELECT max(horizon) FROM topic_horizons), 0);
		SELECT greatest(kept, CASE WHEN is_called THEN last_value ELSE 0 END) INTO given FROM events_id_seq;
		-- Not beyond the last partition: the INSERT that waits for this cannot make another one.
		last := greatest(given, least(given + skip, logline_last_partitioned() - skip / 10));
		IF last > kept THEN
			PERFORM setval('events_id_seq', last);
			INSERT INTO log_holes (after, upto, place) VALUES (kept, last, here) ON CONFLICT (upto) DO NOTHING;
		END IF;
		RAISE LOG 'logline: the log has moved from "%" to "%", ids % to % are left out', known, here, kept + 1, last;
	END IF;
	UPDATE log_state SET place = here;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_settle(bigint) IS 'Records the present place of the log. When the log has moved, it skips ids and records the hole. It takes the lock of the log.';
