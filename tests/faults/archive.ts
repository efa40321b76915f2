import type { Sql } from '../../src/app/driver-client.ts';

/** An event that is, or was, in the log. */
export interface Row {
	id: number;
	topic: string;
	userId: string | null;
	tag: string;
	/** null: it is still there. */
	gone: Gone | null;
}

/** What happened to a missing event. */
export interface Gone {
	/** `hand`: deleted by SQL. `retention`: trimmed. `failover`: the promoted replica did not have it. */
	how: 'hand' | 'retention' | 'failover';
	/** Milliseconds since 1970. */
	at: number;
}

/**
 * Makes the database record every event that was ever committed, and when and how it was deleted. At the end, a deleted
 * event must differ from one that never existed.
 */
export async function installArchive(sql: Sql): Promise<void> {
	await sql.unsafe(`
		create table checker_log (
			id bigint, topic text, user_id text, tag text, gone_at timestamptz, gone_how text
		);
		create index on checker_log (id);
		create function checker_keep() returns trigger language plpgsql as $$
		begin
			insert into checker_log (id, topic, user_id, tag)
			select id, topic, user_id, data ->> 'tag' from inserted where topic not like '$%';
			return null;
		end $$;
		create trigger checker_keep after insert on events
			referencing new table as inserted for each statement execute function checker_keep();
		create function checker_note() returns trigger language plpgsql as $$
		begin
			update checker_log set gone_at = clock_timestamp(),
				gone_how = coalesce(nullif(current_setting('checker.how', true), ''), 'retention')
			where id in (select id from deleted) and gone_at is null;
			return null;
		end $$;
		create trigger checker_note after delete on events
			referencing old table as deleted for each statement execute function checker_note();
		-- No trigger of the table fires for events that go with their partition.
		create function checker_note_dropped() returns event_trigger language plpgsql as $$
		begin
			if exists (select from pg_event_trigger_dropped_objects()
				where object_type = 'table' and object_name ~ '^events_[0-9]+$') then
				update checker_log l set gone_at = clock_timestamp(), gone_how = 'retention'
				where gone_at is null and not exists (select from events e where e.id = l.id);
			end if;
		end $$;
		create event trigger checker_note_dropped on sql_drop execute function checker_note_dropped();
	`);
}

/**
 * Returns every event that was ever committed here, in id order. An id that was given out several times appears several
 * times.
 */
export async function readArchive(sql: Sql): Promise<Row[]> {
	const rows = await sql<
		{
			id: number;
			topic: string;
			userId: string | null;
			tag: string;
			there: boolean;
			at: number | null;
			how: Gone['how'] | null;
		}[]
	>`
		select l.id::float8 as id, l.topic, l.user_id as "userId", l.tag,
			exists (
				select from events e where e.id = l.id and e.topic = l.topic and e.data ->> 'tag' = l.tag
			) as there,
			(extract(epoch from l.gone_at) * 1000)::float8 as at, l.gone_how as how
		from checker_log l order by l.id`;
	return rows.map(({ there, at, how, ...row }) => ({
		...row,
		gone: there ? null : { how: how ?? 'hand', at: at ?? 0 }
	}));
}
