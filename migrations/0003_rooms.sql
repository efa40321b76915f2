CREATE TABLE "room_members" (
	"kind" text NOT NULL,
	"room_id" text NOT NULL,
	"user_id" text NOT NULL,
	"joined_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "room_members_kind_room_id_user_id_pk" PRIMARY KEY("kind","room_id","user_id")
);
--> statement-breakpoint
CREATE TABLE "rooms" (
	"kind" text NOT NULL,
	"id" text NOT NULL,
	"name" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "rooms_kind_id_pk" PRIMARY KEY("kind","id"),
	CONSTRAINT "rooms_kind_check" CHECK ("rooms"."kind" IN ('rooms', 'vaults'))
);
--> statement-breakpoint
ALTER TABLE "room_members" ADD CONSTRAINT "room_members_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "room_members" ADD CONSTRAINT "room_members_kind_room_id_rooms_kind_id_fk" FOREIGN KEY ("kind","room_id") REFERENCES "public"."rooms"("kind","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "room_members_user_id_idx" ON "room_members" USING btree ("user_id");