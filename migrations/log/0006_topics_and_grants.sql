CREATE TABLE "grant_history" (
	"user_id" text NOT NULL,
	"scope" text NOT NULL,
	"from_id" bigint NOT NULL,
	"until_id" bigint,
	CONSTRAINT "grant_history_user_id_from_id_pk" PRIMARY KEY("user_id","from_id")
);
--> statement-breakpoint
CREATE TABLE "grant_losses" (
	"n" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "grant_losses_n_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"scope" text,
	"user_id" text
);
--> statement-breakpoint
CREATE TABLE "grants" (
	"scope" text NOT NULL,
	"user_id" text NOT NULL,
	"source" text DEFAULT '' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "grants_user_id_scope_source_pk" PRIMARY KEY("user_id","scope","source")
);
--> statement-breakpoint
CREATE TABLE "log_topics" (
	"topic" text PRIMARY KEY NOT NULL,
	"pattern" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "topics" (
	"pattern" text PRIMARY KEY NOT NULL,
	"access" text NOT NULL,
	"history" text NOT NULL,
	"retention" text,
	"replay" integer,
	"description" text,
	"topic_regex" text NOT NULL,
	"scope_regex" text,
	"declared_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX "grant_history_open_idx" ON "grant_history" USING btree ("user_id","scope") WHERE until_id IS NULL;--> statement-breakpoint
CREATE INDEX "grant_history_until_idx" ON "grant_history" USING btree ("user_id","until_id");--> statement-breakpoint
CREATE INDEX "grant_losses_scope_idx" ON "grant_losses" USING btree ("scope");--> statement-breakpoint
CREATE INDEX "grants_scope_idx" ON "grants" USING btree ("scope");--> statement-breakpoint
CREATE INDEX "log_topics_pattern_idx" ON "log_topics" USING btree ("pattern","topic");