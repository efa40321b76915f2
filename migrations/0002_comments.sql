-- What a person at psql sees with \d+ and \dt+.
COMMENT ON TABLE users IS 'People who can sign in.';
--> statement-breakpoint
COMMENT ON COLUMN users.id IS 'Identity.';
--> statement-breakpoint
COMMENT ON COLUMN users.username IS 'As typed at sign-up; unique without regard to case.';
--> statement-breakpoint
COMMENT ON COLUMN users.password_hash IS 'Argon2id, with its parameters.';
--> statement-breakpoint
COMMENT ON COLUMN users.created_at IS 'When the row was made.';
--> statement-breakpoint
COMMENT ON TABLE sessions IS 'Sign-ins. Deleting a row signs that browser out and ends its streams within a second.';
--> statement-breakpoint
COMMENT ON COLUMN sessions.id IS 'SHA-256 (hex) of the session cookie.';
--> statement-breakpoint
COMMENT ON COLUMN sessions.user_id IS 'Whose session it is.';
--> statement-breakpoint
COMMENT ON COLUMN sessions.expires_at IS 'Moves on while the session is used.';
--> statement-breakpoint
COMMENT ON COLUMN sessions.created_at IS 'When the person signed in.';
--> statement-breakpoint
COMMENT ON COLUMN sessions.user_agent IS 'Browser that signed in, as it named itself.';
--> statement-breakpoint
COMMENT ON TABLE devices IS 'Devices a user has signed in from; a sign-in from another one is told to the user.';
--> statement-breakpoint
COMMENT ON COLUMN devices.user_id IS 'Whose it is.';
--> statement-breakpoint
COMMENT ON COLUMN devices.device_id IS 'SHA-256 (hex) of the device cookie.';
--> statement-breakpoint
COMMENT ON COLUMN devices.created_at IS 'First sign-in from there.';
--> statement-breakpoint
COMMENT ON TABLE events IS 'The log. INSERT (topic, user_id, data) as the first write of a transaction publishes, live and in order; inside a larger transaction insert into outbox instead.';
--> statement-breakpoint
COMMENT ON COLUMN events.id IS 'Position in the log, given by the log: leave it out. Becomes visible only after every smaller one.';
--> statement-breakpoint
COMMENT ON COLUMN events.topic IS 'What the event is about; names that start with $ are the log''s own.';
--> statement-breakpoint
COMMENT ON COLUMN events.user_id IS 'Who may see it; null: everyone who may subscribe to the topic.';
--> statement-breakpoint
COMMENT ON COLUMN events.data IS 'Payload, as its topic''s schema says.';
--> statement-breakpoint
COMMENT ON COLUMN events.created_at IS 'When it was written.';
--> statement-breakpoint
COMMENT ON TABLE outbox IS 'Door to the log for transactions that write other tables too: rows move into events right after commit.';
--> statement-breakpoint
COMMENT ON COLUMN outbox.tx IS 'Transaction that wrote the row; filled in by itself.';
--> statement-breakpoint
COMMENT ON COLUMN outbox.n IS 'Order within the outbox; filled in by itself.';
--> statement-breakpoint
COMMENT ON COLUMN outbox.topic IS 'As in events.';
--> statement-breakpoint
COMMENT ON COLUMN outbox.user_id IS 'As in events.';
--> statement-breakpoint
COMMENT ON COLUMN outbox.data IS 'As in events.';
--> statement-breakpoint
COMMENT ON COLUMN outbox.key IS 'Idempotency key, or null.';
--> statement-breakpoint
COMMENT ON COLUMN outbox.created_at IS 'When it was written; the event keeps it.';
--> statement-breakpoint
COMMENT ON TABLE event_keys IS 'Idempotency keys: appending with a key that is here adds nothing and answers the first event.';
--> statement-breakpoint
COMMENT ON COLUMN event_keys.key IS 'As the writer chose it.';
--> statement-breakpoint
COMMENT ON COLUMN event_keys.event_id IS 'Event that the first append with this key made.';
--> statement-breakpoint
COMMENT ON TABLE append_batches IS 'Answers given to writers, kept a while so that one whose connection broke at commit can ask again.';
--> statement-breakpoint
COMMENT ON COLUMN append_batches.batch IS 'Key of the batch.';
--> statement-breakpoint
COMMENT ON COLUMN append_batches.ids IS 'Ids answered, in the order of the request.';
--> statement-breakpoint
COMMENT ON COLUMN append_batches.appended IS 'False where a key had been used before.';
--> statement-breakpoint
COMMENT ON COLUMN append_batches.created_at IS 'When the row was made.';
--> statement-breakpoint
COMMENT ON TABLE log_state IS 'One row about the log itself. Locking this table is the right to append.';
--> statement-breakpoint
COMMENT ON COLUMN log_state.one IS 'Always true.';
--> statement-breakpoint
COMMENT ON COLUMN log_state.epoch IS 'Identity of this log; changed after a restore from backup, so that older cursors are told.';
--> statement-breakpoint
COMMENT ON TABLE topic_subscriptions IS 'What each client listens to, and since which position of the log.';
--> statement-breakpoint
COMMENT ON COLUMN topic_subscriptions.session_id IS 'Session of the client.';
--> statement-breakpoint
COMMENT ON COLUMN topic_subscriptions.client_id IS 'Name the client gave itself; empty: the one unnamed client of the session.';
--> statement-breakpoint
COMMENT ON COLUMN topic_subscriptions.topic IS 'Topic.';
--> statement-breakpoint
COMMENT ON COLUMN topic_subscriptions.n IS 'How often this client has added the topic.';
--> statement-breakpoint
COMMENT ON COLUMN topic_subscriptions.since IS 'Position of the subscription in the log: a cursor at or after it has seen the topic''s history.';
--> statement-breakpoint
COMMENT ON COLUMN topic_subscriptions.created_at IS 'When the row was made.';
--> statement-breakpoint
COMMENT ON TABLE story_progress IS 'How far each player is in the demo story.';
--> statement-breakpoint
COMMENT ON COLUMN story_progress.user_id IS 'Whose it is.';
--> statement-breakpoint
COMMENT ON COLUMN story_progress.run IS 'Counts resets.';
--> statement-breakpoint
COMMENT ON COLUMN story_progress.step IS 'Index of the next step of the script.';
--> statement-breakpoint
COMMENT ON COLUMN story_progress.due_at IS 'When that step is due; null: waiting for the player, or the end.';
--> statement-breakpoint
COMMENT ON TABLE demo_ticks IS 'Last time slot in which a demo source spoke; who moves it on speaks.';
--> statement-breakpoint
COMMENT ON COLUMN demo_ticks.source IS 'Name of the source.';
--> statement-breakpoint
COMMENT ON COLUMN demo_ticks.slot IS 'Number of the slot: time divided by the interval.';
