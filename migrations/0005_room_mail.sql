CREATE TABLE "room_mail_checks" (
	"event_id" bigint PRIMARY KEY NOT NULL,
	"due_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE INDEX "room_mail_checks_due_idx" ON "room_mail_checks" USING btree ("due_at");--> statement-breakpoint
COMMENT ON TABLE room_mail_checks IS 'Messages of rooms that are looked at again when they are due: members who have not read them by then are mailed (topic room-mail).';
--> statement-breakpoint
COMMENT ON COLUMN room_mail_checks.event_id IS 'The event of the message.';
--> statement-breakpoint
COMMENT ON COLUMN room_mail_checks.due_at IS 'When to look: ten minutes after the message was written.';
