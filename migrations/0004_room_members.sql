-- Who is in a room may see its topics. Written by hand.
--
-- From now on the log follows this table: a row that any program inserts opens the room on streams that are open, and a row
-- that is deleted closes it.
SELECT logline_grants_from('room_members', '{kind}/{room_id}');
--> statement-breakpoint
COMMENT ON TABLE rooms IS 'Rooms of the example /examples/rooms.';
--> statement-breakpoint
COMMENT ON COLUMN rooms.kind IS 'rooms: new members see all history. vaults: new members see only what comes after they joined.';
--> statement-breakpoint
COMMENT ON COLUMN rooms.id IS 'Random, made by the app. The topic of the room is kind/id/messages.';
--> statement-breakpoint
COMMENT ON COLUMN rooms.name IS 'As typed by the member who made the room.';
--> statement-breakpoint
COMMENT ON COLUMN rooms.created_at IS 'When the room was made.';
--> statement-breakpoint
COMMENT ON TABLE room_members IS 'Who is in which room. Each row is a grant: inserting it opens the room for the user at once, deleting it closes the room.';
--> statement-breakpoint
COMMENT ON COLUMN room_members.kind IS 'Kind of the room.';
--> statement-breakpoint
COMMENT ON COLUMN room_members.room_id IS 'The room.';
--> statement-breakpoint
COMMENT ON COLUMN room_members.user_id IS 'The member.';
--> statement-breakpoint
COMMENT ON COLUMN room_members.joined_at IS 'When the user became a member.';
