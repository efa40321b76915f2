import { isDurable, Pattern, type TopicRegistry } from '../../protocol/index.ts';
import { arrayLiteral } from '../database/array-literal.ts';
import type { Queryable } from '../database/queryable.ts';

/**
 * Writes the declared topics into the table `topics`, which the doors of the log check. It removes none: another server may
 * run a version that declares more. Of patterns with the same form, the one that was declared last has the latest
 * `declared_at`.
 *
 * @param since what the first declaration of this process returned: repeats it. A failover or a restored backup may have taken
 *   it away. What others have declared after it stays, so servers may repeat theirs in any order.
 * @returns the time of the declaration (ISO 8601, microseconds), which every setting of a session reads in the same way
 */
export async function declareTopics(
	on: Queryable,
	registry: TopicRegistry,
	since: string | null = null
): Promise<string> {
	// In order of name, because servers that start together insert the same rows.
	const declared = [...registry].sort(([a], [b]) => (a < b ? -1 : 1));
	const rows = declared.map(([text, definition]) => {
		const { access = 'signed-in', history = 'all', replay, retention, description } = definition;
		const { topic, scope } = Pattern.parse(text).regex;
		return {
			pattern: text,
			access: typeof access === 'function' ? 'rule' : access,
			history,
			retention: retention
				? 'seconds' in retention
					? `${retention.seconds} s`
					: `the last ${retention.lastPerUser} of each user`
				: null,
			replay: replay ? String(replay.last) : null,
			description: description ?? null,
			durable: String(isDurable(definition)),
			topic,
			scope
		};
	});
	const column = (name: keyof (typeof rows)[number]) => arrayLiteral(rows.map((row) => row[name]));
	const [row] = await on.query<{ at: string }>(
		`WITH declared AS (
			INSERT INTO topics AS t
				(pattern, access, history, retention, replay, description, durable, topic_regex, scope_regex, declared_at)
			SELECT d.*, coalesce($10::text::timestamptz, now()) FROM unnest($1::text[], $2::text[], $3::text[], $4::text[],
				$5::text[]::int[], $6::text[], $7::text[]::boolean[], $8::text[], $9::text[]) AS d
			ON CONFLICT (pattern) DO UPDATE SET access = excluded.access, history = excluded.history,
				retention = excluded.retention, replay = excluded.replay, description = excluded.description,
				durable = excluded.durable, topic_regex = excluded.topic_regex, scope_regex = excluded.scope_regex,
				declared_at = excluded.declared_at
			WHERE ($10::text IS NULL OR t.declared_at < excluded.declared_at) AND (
				(t.access, t.history, t.retention, t.replay, t.description, t.durable, t.topic_regex, t.scope_regex)
				IS DISTINCT FROM
				(excluded.access, excluded.history, excluded.retention, excluded.replay, excluded.description,
					excluded.durable, excluded.topic_regex, excluded.scope_regex)
				OR EXISTS (SELECT FROM topics AS o
					WHERE o.topic_regex = t.topic_regex AND o.pattern <> t.pattern AND o.declared_at >= t.declared_at))
		)
		SELECT coalesce($10::text, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) AS at`,
		[
			...(
				[
					'pattern',
					'access',
					'history',
					'retention',
					'replay',
					'description',
					'durable',
					'topic',
					'scope'
				] as const
			).map(column),
			since
		]
	);
	return row!.at;
}

/** Topics that one statement looks at. */
const BATCH = 1000;

/**
 * Notes the declarations of topics whose own is not declared any more: a parameter has another name now, or a pattern takes
 * the place of names. A topic whose declaration this server knows is left alone, so two versions that run side by side do not
 * undo each other's work; and a topic that no declaration fits, too. It waits for nobody: a topic that another server renews, or
 * that is just ended, is left for the next start.
 *
 * Retention has not looked at them as topics of their new declaration. In the same statement, it goes back to where it was with
 * the former one: a start that is killed in between must not keep their old events for ever.
 */
export async function renewDeclarations(on: Queryable, registry: TopicRegistry): Promise<void> {
	const declared = registry.keys();
	// From declaration to declaration in the index, however many topics each has.
	const noted = await on.query<{ pattern: string }>(
		`WITH RECURSIVE noted(pattern) AS (
			SELECT min(pattern) FROM log_topics
			UNION ALL
			SELECT (SELECT min(l.pattern) FROM log_topics AS l WHERE l.pattern > noted.pattern) FROM noted WHERE noted.pattern IS NOT NULL
		)
		SELECT pattern FROM noted WHERE pattern <> ALL($1::text[])`,
		[arrayLiteral(declared)]
	);
	for (const { pattern: former } of noted) {
		for (const text of declared) {
			const { topic: regex } = Pattern.parse(text).regex;
			// All of its topics begin with this. "~" is greater than every character of a topic.
			const [begin] = text.split('[', 1);
			let last: string | null = '';
			while (last !== null) {
				const [row]: { last: string | null }[] = await on.query<{ last: string | null }>(
					`WITH part AS (
						SELECT topic FROM log_topics
						WHERE pattern = $1 AND topic > $2 AND topic BETWEEN $3 AND $3 || '~' AND topic ~ $4
						ORDER BY topic LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
					), renewed AS (
						UPDATE log_topics AS l SET pattern = $5 FROM part WHERE l.topic = part.topic AND l.pattern = $1
					), back AS (
						UPDATE retention_progress AS p SET done = least(p.done, coalesce(
							(SELECT f.done FROM retention_progress AS f WHERE f.topic = $1 AND f.rule = p.rule), 0))
						WHERE p.topic = $5 AND EXISTS (SELECT FROM part)
					)
					SELECT max(topic) AS last FROM part`,
					[former, last, begin!, regex, text]
				);
				last = row!.last;
			}
		}
	}
}
