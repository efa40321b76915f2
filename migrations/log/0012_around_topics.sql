CREATE TABLE "producers" (
	"name" text PRIMARY KEY NOT NULL,
	"epoch" bigint NOT NULL,
	"since" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "consumer_failures" (
	"name" text NOT NULL,
	"event_id" bigint NOT NULL,
	"topic" text NOT NULL,
	"attempts" integer NOT NULL,
	"next_at" timestamp with time zone NOT NULL,
	"error" text NOT NULL,
	"first_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "consumer_failures_name_event_id_pk" PRIMARY KEY("name","event_id")
);
--> statement-breakpoint
CREATE TABLE "consumers" (
	"name" text NOT NULL,
	"topic" text NOT NULL,
	"position" bigint NOT NULL,
	"begun" integer DEFAULT 0 NOT NULL,
	"moved_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "consumers_name_topic_pk" PRIMARY KEY("name","topic")
);
--> statement-breakpoint
CREATE TABLE "read_markers" (
	"user_id" text NOT NULL,
	"topic" text NOT NULL,
	"event_id" bigint NOT NULL,
	"moved_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "read_markers_user_id_topic_pk" PRIMARY KEY("user_id","topic")
);
--> statement-breakpoint
CREATE UNLOGGED TABLE "presence" (
	"scope" text NOT NULL,
	"user_id" text NOT NULL,
	"incarnation" uuid NOT NULL,
	"name" text NOT NULL,
	"state" jsonb NOT NULL,
	"since" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "presence_scope_user_id_incarnation_pk" PRIMARY KEY("scope","user_id","incarnation")
);
--> statement-breakpoint
CREATE UNLOGGED TABLE "presence_servers" (
	"incarnation" uuid PRIMARY KEY NOT NULL,
	"leased_until" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "dead_letters" ALTER COLUMN "tx" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "dead_letters" ALTER COLUMN "n" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "dead_letters" ADD COLUMN "consumer" text;--> statement-breakpoint
ALTER TABLE "dead_letters" ADD COLUMN "event_id" bigint;--> statement-breakpoint
ALTER TABLE "dead_letters" ADD COLUMN "producer" text;--> statement-breakpoint
ALTER TABLE "dead_letters" ADD COLUMN "epoch" bigint;--> statement-breakpoint
ALTER TABLE "log_topics" ADD COLUMN "ended_id" bigint;--> statement-breakpoint
ALTER TABLE "outbox" ADD COLUMN "producer" text;--> statement-breakpoint
ALTER TABLE "outbox" ADD COLUMN "epoch" bigint;--> statement-breakpoint
ALTER TABLE "topics" ADD COLUMN "durable" boolean DEFAULT true NOT NULL;--> statement-breakpoint
CREATE INDEX "consumer_failures_next_idx" ON "consumer_failures" USING btree ("name","next_at");--> statement-breakpoint
CREATE INDEX "presence_incarnation_idx" ON "presence" USING btree ("incarnation");
--> statement-breakpoint
COMMENT ON TABLE producers IS 'The highest epoch that each producer has written in. The log refuses an older one.';
--> statement-breakpoint
COMMENT ON COLUMN producers.name IS 'Name of the producer.';
--> statement-breakpoint
COMMENT ON COLUMN producers.epoch IS 'Highest epoch seen.';
--> statement-breakpoint
COMMENT ON COLUMN producers.since IS 'When the epoch was first seen.';
--> statement-breakpoint
COMMENT ON TABLE consumers IS 'How far each consumer has handled each of its topics.';
--> statement-breakpoint
COMMENT ON COLUMN consumers.name IS 'Name of the consumer.';
--> statement-breakpoint
COMMENT ON COLUMN consumers.topic IS 'Topic, or wildcard of topics.';
--> statement-breakpoint
COMMENT ON COLUMN consumers.position IS 'Every event of the topic up to this id is handled, or waits in consumer_failures, or is in dead_letters.';
--> statement-breakpoint
COMMENT ON COLUMN consumers.begun IS 'Batches that were begun since the last one that ended. More than one: a process died in the middle.';
--> statement-breakpoint
COMMENT ON COLUMN consumers.moved_at IS 'When the position last moved.';
--> statement-breakpoint
COMMENT ON TABLE consumer_failures IS 'Events that a consumer could not handle yet. It tries them again, later each time.';
--> statement-breakpoint
COMMENT ON COLUMN consumer_failures.name IS 'Name of the consumer.';
--> statement-breakpoint
COMMENT ON COLUMN consumer_failures.event_id IS 'The event.';
--> statement-breakpoint
COMMENT ON COLUMN consumer_failures.topic IS 'Topic of the event.';
--> statement-breakpoint
COMMENT ON COLUMN consumer_failures.attempts IS 'How many times it was tried. Counted before each attempt.';
--> statement-breakpoint
COMMENT ON COLUMN consumer_failures.next_at IS 'When it is tried again.';
--> statement-breakpoint
COMMENT ON COLUMN consumer_failures.error IS 'What the last attempt said.';
--> statement-breakpoint
COMMENT ON COLUMN consumer_failures.first_at IS 'When it first failed.';
--> statement-breakpoint
COMMENT ON TABLE read_markers IS 'Up to which event each user has read each topic.';
--> statement-breakpoint
COMMENT ON COLUMN read_markers.user_id IS 'The user.';
--> statement-breakpoint
COMMENT ON COLUMN read_markers.topic IS 'Topic.';
--> statement-breakpoint
COMMENT ON COLUMN read_markers.event_id IS 'The newest event that the user has read. It only moves forward.';
--> statement-breakpoint
COMMENT ON COLUMN read_markers.moved_at IS 'When the marker last moved.';
--> statement-breakpoint
COMMENT ON TABLE presence_servers IS 'Incarnations of servers that say who is present. A server renews its lease; without it, its rows do not count.';
--> statement-breakpoint
COMMENT ON COLUMN presence_servers.incarnation IS 'A server takes a new one when it starts, and when it finds its old one gone.';
--> statement-breakpoint
COMMENT ON COLUMN presence_servers.leased_until IS 'Until when the rows of the incarnation count.';
--> statement-breakpoint
COMMENT ON TABLE presence IS 'Who is present in which scope, once for each server that has a stream of the user.';
--> statement-breakpoint
COMMENT ON COLUMN presence.scope IS 'Scope, for example rooms/42.';
--> statement-breakpoint
COMMENT ON COLUMN presence.user_id IS 'The user.';
--> statement-breakpoint
COMMENT ON COLUMN presence.incarnation IS 'The server, see presence_servers.';
--> statement-breakpoint
COMMENT ON COLUMN presence.name IS 'Name of the user, as the application gave it.';
--> statement-breakpoint
COMMENT ON COLUMN presence.state IS 'What the client says about itself.';
--> statement-breakpoint
COMMENT ON COLUMN presence.since IS 'Since when the user is present on this server.';
--> statement-breakpoint
COMMENT ON TABLE dead_letters IS 'What was set aside so that the rest could go on: rows of outbox that the log refused, and events that a consumer could not handle.';
--> statement-breakpoint
COMMENT ON COLUMN dead_letters.tx IS 'Transaction that wrote the outbox row. Null: a consumer set the event aside.';
--> statement-breakpoint
COMMENT ON COLUMN dead_letters.consumer IS 'The consumer that could not handle the event. Null: a row of outbox.';
--> statement-breakpoint
COMMENT ON COLUMN dead_letters.event_id IS 'The event that the consumer could not handle.';
--> statement-breakpoint
COMMENT ON COLUMN dead_letters.producer IS 'Producer of the outbox row.';
--> statement-breakpoint
COMMENT ON COLUMN dead_letters.epoch IS 'Epoch of its producer.';
--> statement-breakpoint
COMMENT ON COLUMN log_topics.ended_id IS 'Id of the event after which the topic accepts no more. Null: it has not ended.';
--> statement-breakpoint
COMMENT ON COLUMN outbox.producer IS 'Who writes, see producers. Null: any number of writers.';
--> statement-breakpoint
COMMENT ON COLUMN outbox.epoch IS 'Epoch of the producer. An older one than the highest is refused.';
--> statement-breakpoint
COMMENT ON COLUMN topics.durable IS 'False: a signal, which is passed on and not kept.';
