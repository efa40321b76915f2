CREATE TABLE "retention_progress" (
	"topic" text PRIMARY KEY NOT NULL,
	"done" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "topic_horizons" (
	"topic" text NOT NULL,
	"audience" bigint NOT NULL,
	"horizon" bigint NOT NULL,
	CONSTRAINT "topic_horizons_topic_audience_pk" PRIMARY KEY("topic","audience")
);
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
