-- What psql shows for tables and columns (\d+, \dt+), and what drizzle-kit cannot express. Written by hand.
--
-- The counts of a few minutes need not wait for the disk, and are of no use after a crash.
ALTER TABLE rate_limits SET UNLOGGED;
--> statement-breakpoint
COMMENT ON TABLE users IS 'People who can sign in.';
--> statement-breakpoint
COMMENT ON COLUMN users.id IS 'Random, made by the app, 1 to 200 octets. Events name their user by it.';
--> statement-breakpoint
COMMENT ON COLUMN users.username IS 'As typed at sign-up. Unique without regard to letter case.';
--> statement-breakpoint
COMMENT ON COLUMN users.password_hash IS 'Argon2id, with its parameters.';
--> statement-breakpoint
COMMENT ON COLUMN users.created_at IS 'When the row was made.';
--> statement-breakpoint
COMMENT ON TABLE sessions IS 'Sign-ins. Deleting a row signs that browser out and ends its streams within a second.';
--> statement-breakpoint
COMMENT ON COLUMN sessions.id IS 'SHA-256 (hex) of the session cookie.';
--> statement-breakpoint
COMMENT ON COLUMN sessions.user_id IS 'The user of the session.';
--> statement-breakpoint
COMMENT ON COLUMN sessions.expires_at IS 'When the session ends. It is moved on while the session is used.';
--> statement-breakpoint
COMMENT ON COLUMN sessions.created_at IS 'When the user signed in.';
--> statement-breakpoint
COMMENT ON COLUMN sessions.user_agent IS 'The browser that signed in, as it named itself.';
--> statement-breakpoint
COMMENT ON TABLE devices IS 'Devices from which a user has signed in. The user is notified of a sign-in from another one.';
--> statement-breakpoint
COMMENT ON COLUMN devices.user_id IS 'The user.';
--> statement-breakpoint
COMMENT ON COLUMN devices.device_id IS 'SHA-256 (hex) of the device cookie.';
--> statement-breakpoint
COMMENT ON COLUMN devices.created_at IS 'First sign-in from the device.';
--> statement-breakpoint
COMMENT ON TABLE rate_limits IS 'Counts of attempts to sign in or sign up, kept for a few minutes. Deleting a row allows new attempts.';
--> statement-breakpoint
COMMENT ON COLUMN rate_limits.key IS 'What is counted: sign-in or sign-up, by network, account or device, each as SHA-256.';
--> statement-breakpoint
COMMENT ON COLUMN rate_limits.points IS 'Attempts that count.';
--> statement-breakpoint
COMMENT ON COLUMN rate_limits.expire IS 'When the count starts again: milliseconds since 1970.';
--> statement-breakpoint
COMMENT ON TABLE story_progress IS 'How far each player is in the story of the demo.';
--> statement-breakpoint
COMMENT ON COLUMN story_progress.user_id IS 'The player.';
--> statement-breakpoint
COMMENT ON COLUMN story_progress.run IS 'How often the story was restarted.';
--> statement-breakpoint
COMMENT ON COLUMN story_progress.step IS 'Index of the next step of the script.';
--> statement-breakpoint
COMMENT ON COLUMN story_progress.due_at IS 'When that step is due. Null: the story waits for the player, or has ended.';
--> statement-breakpoint
COMMENT ON TABLE demo_ticks IS 'When each source of the demo emitted last, and how often. The process that updates the row emits.';
--> statement-breakpoint
COMMENT ON COLUMN demo_ticks.source IS 'Name of the source.';
--> statement-breakpoint
COMMENT ON COLUMN demo_ticks.slot IS 'Number of the slot: time divided by the interval.';
--> statement-breakpoint
COMMENT ON COLUMN demo_ticks.count IS 'How many events the source has emitted. The next payload follows the last one.';
