-- Read markers only move forward, and every move is told to the servers, whoever makes it. Written by hand.
CREATE FUNCTION logline_keep_marker() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	IF NEW.event_id < OLD.event_id THEN
		NEW.event_id := OLD.event_id;
		NEW.moved_at := OLD.moved_at;
	END IF;
	RETURN NEW;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_keep_marker() IS 'Trigger on read_markers: a marker does not move back. To begin again, delete its row.';
--> statement-breakpoint
-- A statement that moves many markers says so once, and every server reads again what its streams show.
CREATE FUNCTION logline_tell_markers() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	moved text[];
BEGIN
	IF TG_OP = 'INSERT' THEN
		moved := ARRAY(SELECT json_build_array(user_id, topic, event_id::text)::text FROM added LIMIT 101);
	ELSE
		moved := ARRAY(
			SELECT json_build_array(a.user_id, a.topic, a.event_id::text)::text
			FROM added a LEFT JOIN removed r USING (user_id, topic)
			WHERE a.event_id IS DISTINCT FROM r.event_id LIMIT 101
		);
	END IF;
	IF cardinality(moved) > 100 THEN
		PERFORM pg_notify('logline_read', '');
	ELSE
		PERFORM pg_notify('logline_read', m) FROM unnest(moved) AS m;
	END IF;
	RETURN NULL;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_tell_markers() IS 'Trigger on read_markers: tells the servers (channel logline_read) the user, the topic and the event. Empty: more than a hundred markers have moved.';
--> statement-breakpoint
CREATE TRIGGER read_markers_before_update BEFORE UPDATE ON read_markers
FOR EACH ROW EXECUTE FUNCTION logline_keep_marker();
--> statement-breakpoint
CREATE TRIGGER read_markers_after_insert AFTER INSERT ON read_markers
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION logline_tell_markers();
--> statement-breakpoint
CREATE TRIGGER read_markers_after_update AFTER UPDATE ON read_markers
REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION logline_tell_markers();
