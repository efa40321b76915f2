-- What psql shows for tables and columns (\d+, \dt+). Written by hand. Functions have their comments where they are made.
COMMENT ON TABLE events IS 'The log. INSERT (topic, user_id, data) as the first write of a transaction publishes an event, live and in order. Inside a larger transaction, insert into outbox instead.';
--> statement-breakpoint
COMMENT ON COLUMN events.id IS 'Position in the log. The log gives it: leave it out. It becomes visible only after every smaller one.';
--> statement-breakpoint
COMMENT ON COLUMN events.topic IS 'What the event is about. Topics that start with $ belong to the log itself.';
--> statement-breakpoint
COMMENT ON COLUMN events.user_id IS 'Id of the user who may see the event, 1 to 200 octets. Null: everyone who may subscribe to the topic.';
--> statement-breakpoint
COMMENT ON COLUMN events.data IS 'Payload. It has the form that the schema of the topic describes.';
--> statement-breakpoint
COMMENT ON COLUMN events.created_at IS 'When the event was written.';
--> statement-breakpoint
COMMENT ON COLUMN events.size IS 'Octets of data as text, in which form clients get it. Computed. Events with more than 16777216 are not sent.';
--> statement-breakpoint
COMMENT ON TABLE outbox IS 'For transactions that also write other tables: after the commit, the servers move the rows into events at once.';
--> statement-breakpoint
COMMENT ON COLUMN outbox.tx IS 'Transaction that wrote the row. Postgres fills it in.';
--> statement-breakpoint
COMMENT ON COLUMN outbox.n IS 'Order within the outbox. Postgres fills it in.';
--> statement-breakpoint
COMMENT ON COLUMN outbox.topic IS 'As in events.';
--> statement-breakpoint
COMMENT ON COLUMN outbox.user_id IS 'As in events.';
--> statement-breakpoint
COMMENT ON COLUMN outbox.data IS 'As in events.';
--> statement-breakpoint
COMMENT ON COLUMN outbox.key IS 'Idempotency key, or null.';
--> statement-breakpoint
COMMENT ON COLUMN outbox.created_at IS 'When the row was written. The event keeps this time.';
--> statement-breakpoint
COMMENT ON COLUMN outbox.size IS 'Octets of data as text. Computed.';
--> statement-breakpoint
COMMENT ON TABLE dead_letters IS 'Outbox rows that the log refused. They are set aside so that the rows behind them are moved. Remove the cause, then insert them into outbox again.';
--> statement-breakpoint
COMMENT ON COLUMN dead_letters.id IS 'Order in which the rows were set aside.';
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
COMMENT ON COLUMN dead_letters.error IS 'Why the log refused the row: the message, and the code in parentheses.';
--> statement-breakpoint
COMMENT ON COLUMN dead_letters.set_aside_at IS 'When the row was set aside.';
--> statement-breakpoint
COMMENT ON TABLE event_keys IS 'Idempotency keys. An append with a key of this table adds nothing and returns the id of the first event.';
--> statement-breakpoint
COMMENT ON COLUMN event_keys.key IS 'As the writer chose it.';
--> statement-breakpoint
COMMENT ON COLUMN event_keys.event_id IS 'Event of the first append with this key.';
--> statement-breakpoint
COMMENT ON TABLE append_batches IS 'Results that writers got. They are kept for an hour, so that a writer whose connection broke at commit can ask again.';
--> statement-breakpoint
COMMENT ON COLUMN append_batches.batch IS 'Key of the batch.';
--> statement-breakpoint
COMMENT ON COLUMN append_batches.ids IS 'Ids that were returned, in the order of the request.';
--> statement-breakpoint
COMMENT ON COLUMN append_batches.appended IS 'False where the key had been used before.';
--> statement-breakpoint
COMMENT ON COLUMN append_batches.created_at IS 'When the row was made.';
--> statement-breakpoint
COMMENT ON TABLE log_state IS 'One row about the log itself. A transaction that locks this table has the right to append.';
--> statement-breakpoint
COMMENT ON COLUMN log_state.one IS 'Always true.';
--> statement-breakpoint
COMMENT ON COLUMN log_state.epoch IS 'Identity of the log. It is changed after a restore from backup, so that clients with an older cursor get a gap.';
--> statement-breakpoint
COMMENT ON COLUMN log_state.place IS 'Where the log was when it was last written to: the file of its sequence and the timeline. Null: nothing was written yet.';
--> statement-breakpoint
COMMENT ON TABLE log_holes IS 'Ids that were skipped when the log moved to another server. The previous server may have given them to events that were lost.';
--> statement-breakpoint
COMMENT ON COLUMN log_holes.after IS 'The last id before the hole.';
--> statement-breakpoint
COMMENT ON COLUMN log_holes.upto IS 'The last id of the hole.';
--> statement-breakpoint
COMMENT ON COLUMN log_holes.place IS 'Where the log moved to, as in log_state.';
--> statement-breakpoint
COMMENT ON COLUMN log_holes.created_at IS 'When it was first written to there.';
--> statement-breakpoint
COMMENT ON TABLE topic_horizons IS 'How far the history of each topic has been trimmed: events up to the horizon are deleted, or will be soon.';
--> statement-breakpoint
COMMENT ON COLUMN topic_horizons.topic IS 'Topic.';
--> statement-breakpoint
COMMENT ON COLUMN topic_horizons.audience IS 'user_id of the trimmed events. Empty: events for everyone.';
--> statement-breakpoint
COMMENT ON COLUMN topic_horizons.horizon IS 'Largest id that was trimmed.';
--> statement-breakpoint
COMMENT ON TABLE retention_progress IS 'How far the retention job has processed the log for each topic.';
--> statement-breakpoint
COMMENT ON COLUMN retention_progress.topic IS 'Topic.';
--> statement-breakpoint
COMMENT ON COLUMN retention_progress.done IS 'The job has processed every event up to this id.';
--> statement-breakpoint
COMMENT ON COLUMN retention_progress.rule IS 'The rule that the job applied. With another rule it starts again.';
--> statement-breakpoint
COMMENT ON TABLE retention_blocks IS 'Where the retention job finds old events: the oldest event of each topic in each block of ids.';
--> statement-breakpoint
COMMENT ON COLUMN retention_blocks.topic IS 'Topic.';
--> statement-breakpoint
COMMENT ON COLUMN retention_blocks.block IS 'Number of the block: id divided by 10,000.';
--> statement-breakpoint
COMMENT ON COLUMN retention_blocks.last IS 'Greatest id of the topic that was seen in the block.';
--> statement-breakpoint
COMMENT ON COLUMN retention_blocks.oldest IS 'created_at of the oldest event of the topic that is still in the block.';
--> statement-breakpoint
COMMENT ON TABLE topic_subscriptions IS 'What each client is subscribed to, and since which position of the log.';
--> statement-breakpoint
COMMENT ON COLUMN topic_subscriptions.session_id IS 'Session of the client, as the app named it.';
--> statement-breakpoint
COMMENT ON COLUMN topic_subscriptions.client_id IS 'Name that the client gave itself. Empty: the unnamed client of the session.';
--> statement-breakpoint
COMMENT ON COLUMN topic_subscriptions.topic IS 'Topic.';
--> statement-breakpoint
COMMENT ON COLUMN topic_subscriptions.n IS 'How many times the client has added the topic.';
--> statement-breakpoint
COMMENT ON COLUMN topic_subscriptions.since IS 'Position of the subscription in the log. A client with a cursor at or after it has received the history of the topic.';
--> statement-breakpoint
COMMENT ON COLUMN topic_subscriptions.begin IS 'The client was to receive every event after this id: where the replay window began.';
--> statement-breakpoint
COMMENT ON COLUMN topic_subscriptions.trimmed IS 'How far the topic had been trimmed when the row was made. Trimming up to this id is no gap for the client.';
--> statement-breakpoint
COMMENT ON COLUMN topic_subscriptions.created_at IS 'When the row was made.';
--> statement-breakpoint
COMMENT ON COLUMN topic_subscriptions.seen_at IS 'When the client was last connected, to the day. The row is deleted 30 days later.';
--> statement-breakpoint
COMMENT ON TABLE forgotten_clients IS 'Sessions of which subscriptions were deleted because they were old or too many. An unknown client of such a session may be the one that had them.';
--> statement-breakpoint
COMMENT ON COLUMN forgotten_clients.session_id IS 'Session, as the app named it.';
--> statement-breakpoint
COMMENT ON COLUMN forgotten_clients.since IS 'When a client of the session was last forgotten. The row is deleted 400 days later.';
