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
COMMENT ON TABLE rate_limits IS 'How often somebody has tried to get in, for a short while. Deleting a row lets them try again.';
--> statement-breakpoint
COMMENT ON COLUMN rate_limits.key IS 'What is counted: sign-in or sign-up, by network, account or device; whose, as SHA-256.';
--> statement-breakpoint
COMMENT ON COLUMN rate_limits.points IS 'Attempts that count.';
--> statement-breakpoint
COMMENT ON COLUMN rate_limits.expire IS 'When the count begins afresh: milliseconds since 1970.';
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
COMMENT ON COLUMN events.size IS 'Octets of data as text, as it goes to clients. Computed; more than 16777216 are not sent.';
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
COMMENT ON COLUMN topic_subscriptions.begin IS 'Everything after it was owed at first: where the replay window began.';
--> statement-breakpoint
COMMENT ON COLUMN topic_subscriptions.trimmed IS 'How far the topic had been trimmed when the row was made: the client lacks nothing up to there.';
--> statement-breakpoint
COMMENT ON COLUMN topic_subscriptions.seen_at IS 'When the client was last here, to the day; rows are deleted a month later.';
--> statement-breakpoint
COMMENT ON COLUMN sessions.clients_forgotten IS 'Subscriptions of some client of the session have been deleted because they were old or too many.';
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
COMMENT ON TABLE demo_ticks IS 'When each source of the demo spoke last, and how often; the process that moves the row speaks.';
--> statement-breakpoint
COMMENT ON COLUMN demo_ticks.source IS 'Name of the source.';
--> statement-breakpoint
COMMENT ON COLUMN demo_ticks.slot IS 'Number of the slot: time divided by the interval.';
--> statement-breakpoint
COMMENT ON COLUMN demo_ticks.count IS 'How many events the source has emitted: the next payload follows the last one.';
--> statement-breakpoint
COMMENT ON TABLE topic_horizons IS 'How far each topic''s history has been trimmed: events up to the horizon are gone, or about to go.';
--> statement-breakpoint
COMMENT ON COLUMN topic_horizons.topic IS 'Topic.';
--> statement-breakpoint
COMMENT ON COLUMN topic_horizons.audience IS 'user_id of the trimmed events; 0: the ones for everyone.';
--> statement-breakpoint
COMMENT ON COLUMN topic_horizons.horizon IS 'Largest id that was trimmed.';
--> statement-breakpoint
COMMENT ON TABLE retention_progress IS 'How far the retention job has gone through the log for each topic.';
--> statement-breakpoint
COMMENT ON COLUMN retention_progress.topic IS 'Topic.';
--> statement-breakpoint
COMMENT ON COLUMN retention_progress.done IS 'Every event up to this id has been looked at.';
--> statement-breakpoint
COMMENT ON COLUMN retention_progress.rule IS 'What the job did there; with another rule it begins again.';
--> statement-breakpoint
COMMENT ON TABLE retention_blocks IS 'Where the retention job finds what is old: the oldest event of each topic in each block of ids.';
--> statement-breakpoint
COMMENT ON COLUMN retention_blocks.topic IS 'Topic.';
--> statement-breakpoint
COMMENT ON COLUMN retention_blocks.block IS 'Number of the block: id divided by 10,000.';
--> statement-breakpoint
COMMENT ON COLUMN retention_blocks.last IS 'Greatest id of the topic that was seen in the block.';
--> statement-breakpoint
COMMENT ON COLUMN retention_blocks.oldest IS 'created_at of the oldest event of the topic that is still in the block.';
--> statement-breakpoint
COMMENT ON FUNCTION logline_lock() IS 'Takes the right to append until the end of the transaction, which may then neither sit idle nor run a later statement for longer than logline.hold_ms (10000; 0: without bound).';
--> statement-breakpoint
COMMENT ON FUNCTION logline_session_ended() IS 'Tells every server that a session has ended (channel logline_sessions, its id; empty: look at all), so that its streams end.';
--> statement-breakpoint
COMMENT ON COLUMN outbox.size IS 'Octets of data as text; filled in by itself.';
--> statement-breakpoint
COMMENT ON TABLE dead_letters IS 'Outbox rows that the log refused, set aside so that the others move on. Mend the cause, then insert them into outbox again.';
--> statement-breakpoint
COMMENT ON COLUMN dead_letters.id IS 'Order in which they were set aside.';
--> statement-breakpoint
COMMENT ON COLUMN dead_letters.tx IS 'As it was in outbox.';
--> statement-breakpoint
COMMENT ON COLUMN dead_letters.n IS 'As it was in outbox.';
--> statement-breakpoint
COMMENT ON COLUMN dead_letters.topic IS 'As it was in outbox.';
--> statement-breakpoint
COMMENT ON COLUMN dead_letters.user_id IS 'As it was in outbox.';
--> statement-breakpoint
COMMENT ON COLUMN dead_letters.data IS 'As it was in outbox.';
--> statement-breakpoint
COMMENT ON COLUMN dead_letters.key IS 'As it was in outbox.';
--> statement-breakpoint
COMMENT ON COLUMN dead_letters.created_at IS 'As it was in outbox.';
--> statement-breakpoint
COMMENT ON COLUMN dead_letters.error IS 'Why the log refused it: the message, and the code in parentheses.';
--> statement-breakpoint
COMMENT ON COLUMN dead_letters.set_aside_at IS 'When it was set aside.';
--> statement-breakpoint
COMMENT ON FUNCTION logline_append(uuid, text[], bigint[], jsonb[], text[], timestamptz[]) IS 'Appends events in one statement; answers their ids, and false where a key had been used before. The same batch again answers the same.';
--> statement-breakpoint
COMMENT ON FUNCTION logline_relay(pg_snapshot, int, bigint) IS 'Moves a page of committed outbox rows into the log. Servers call it; a page of one row that the log refuses goes to dead_letters.';
--> statement-breakpoint
COMMENT ON FUNCTION logline_relay_overlooks(pg_snapshot) IS 'Whether outbox rows wait that a relay which has seen this snapshot does not look for.';
--> statement-breakpoint
COMMENT ON FUNCTION logline_refuse(text, text, bigint, jsonb, timestamptz, text) IS 'Raises what is wrong with a row, and what to do; the CHECKs of the doors call it.';
