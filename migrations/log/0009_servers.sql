CREATE TABLE "log_servers" (
	"server" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"seen_at" timestamp with time zone NOT NULL,
	"tail" bigint NOT NULL,
	"streams" jsonb NOT NULL
);
