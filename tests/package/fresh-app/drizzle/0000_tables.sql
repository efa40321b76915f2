CREATE TABLE "users" ("id" uuid PRIMARY KEY DEFAULT gen_random_uuid(), "name" text NOT NULL);
--> statement-breakpoint
CREATE TABLE "sessions" (
	"id" text PRIMARY KEY,
	"user_id" uuid NOT NULL REFERENCES "users" ("id"),
	"expires_at" timestamptz NOT NULL
);
--> statement-breakpoint
CREATE TABLE "events" ("id" uuid PRIMARY KEY DEFAULT gen_random_uuid(), "what" jsonb NOT NULL);
