-- What the log must hear of sessions.
-- Ends the streams of a session, whoever deletes its row, lets it expire at once or gives it to somebody else. A TRUNCATE
-- has no rows to name: all sessions are looked at.
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
CREATE TRIGGER sessions_after_delete AFTER DELETE ON sessions
FOR EACH ROW EXECUTE FUNCTION logline_session_ended();
--> statement-breakpoint
CREATE TRIGGER sessions_after_update AFTER UPDATE ON sessions FOR EACH ROW
WHEN (NEW.id <> OLD.id OR NEW.user_id <> OLD.user_id OR NEW.expires_at <= now())
EXECUTE FUNCTION logline_session_ended();
--> statement-breakpoint
CREATE TRIGGER sessions_after_truncate AFTER TRUNCATE ON sessions
FOR EACH STATEMENT EXECUTE FUNCTION logline_session_ended();
--> statement-breakpoint
-- Counts of a minute: worth no wait for the disk, and of no use after a crash.
ALTER TABLE rate_limits SET UNLOGGED;
