-- The app tells the log when a session ends. Written by hand.
--
-- The trigger fires for every program that deletes a session, lets it expire or gives it to another user. A TRUNCATE names no
-- rows: then the servers check all sessions.
CREATE FUNCTION logline_session_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'TRUNCATE' THEN
		PERFORM pg_notify('logline_sessions', '');
	ELSE
		PERFORM pg_notify('logline_sessions', OLD.id);
	END IF;
	RETURN NULL;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_session_ended() IS 'Trigger on sessions: tells every server that a session has ended (channel logline_sessions, its id; empty: check all), so that its streams end.';
--> statement-breakpoint
CREATE TRIGGER sessions_after_delete AFTER DELETE ON sessions
FOR EACH ROW EXECUTE FUNCTION logline_session_ended();
--> statement-breakpoint
CREATE TRIGGER sessions_after_update AFTER UPDATE ON sessions FOR EACH ROW
WHEN (NEW.id <> OLD.id OR NEW.user_id <> OLD.user_id OR NEW.expires_at <= now())
EXECUTE FUNCTION logline_session_ended();
--> statement-breakpoint
CREATE TRIGGER sessions_after_truncate AFTER TRUNCATE ON sessions
FOR EACH STATEMENT EXECUTE FUNCTION logline_session_ended();
