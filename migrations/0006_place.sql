-- Where the log is, and what may have been lost on the way there. Written by hand; docs/decisions/015 has the reasons.
-- Where the log is: the file of its sequence (it names the database; a restored or emptied table has another), and the
-- timeline, which a promoted replica and a recovery to a point in time change. Null on a replica: the log is not there.
CREATE FUNCTION logline_place() RETURNS text
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
	-- Not pg_control_checkpoint(): for seconds after a promotion it tells the old timeline.
	RETURN pg_relation_filepath('events_id_seq') || ' ' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8);
EXCEPTION WHEN OTHERS THEN
	-- A replica; or a service that keeps its WAL to itself, and then the file has to do.
	RETURN CASE WHEN NOT pg_is_in_recovery() THEN pg_relation_filepath('events_id_seq') END;
END
$$;
--> statement-breakpoint
-- Called by whoever has the lock of the log and finds it elsewhere than the last writer did. The server there before may
-- have given ids of which this one knows nothing (a failover to a replica that lacked the last rows, a restored backup).
-- They must not be given again: readers would take the new events for those that they have had. So a million ids are left
-- out, and the hole is recorded: who comes with a cursor in it has seen what was lost, and is told. When nothing was lost,
-- this costs nothing but ids. Whoever calls it beside a write makes partitions first: see logline_ensure_partitions().
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
		-- What was trimmed was here. What was deleted by hand cannot be told from what was lost.
		kept := greatest((SELECT max(id) FROM events), (SELECT max(horizon) FROM topic_horizons), 0);
		SELECT greatest(kept, CASE WHEN is_called THEN last_value ELSE 0 END) INTO given FROM events_id_seq;
		-- No further than the partitions go: the INSERT that waits for this cannot make any.
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
COMMENT ON COLUMN log_state.place IS 'Where the log was when it was last written to: the file of its sequence, and the timeline. Null: nothing was written yet.';
--> statement-breakpoint
COMMENT ON TABLE log_holes IS 'Ids left out when the log moved to another server: the one before may have given them to events that were lost.';
--> statement-breakpoint
COMMENT ON COLUMN log_holes.after IS 'The last id before the hole.';
--> statement-breakpoint
COMMENT ON COLUMN log_holes.upto IS 'The last id of the hole.';
--> statement-breakpoint
COMMENT ON COLUMN log_holes.place IS 'Where the log came to, as in log_state.';
--> statement-breakpoint
COMMENT ON COLUMN log_holes.created_at IS 'When the first writer came there.';
--> statement-breakpoint
COMMENT ON FUNCTION logline_place() IS 'Where the log is: the file of its sequence, and the timeline. Null on a replica.';
--> statement-breakpoint
COMMENT ON FUNCTION logline_settle(bigint) IS 'Makes the log''s present place known, and leaves ids out when it has moved. Called under the lock of the log.';
