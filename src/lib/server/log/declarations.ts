import { isDurable, Pattern, type TopicRegistry } from '../../protocol/index.ts';
import { arrayLiteral } from '../database/array-literal.ts';
import type { Queryable } from '../database/queryable.ts';

/**
 * Writes the declared topics into the table `topics`, which the doors of the log check. It removes none: another server may
 * run a version that declares more.
 */
export async function declareTopics(on: Queryable, registry: TopicRegistry): Promise<void> {
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
	await on.query(
		`INSERT INTO topics AS t (pattern, access, history, retention, replay, description, durable, topic_regex, scope_regex)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]::int[], $6::text[], $7::text[]::boolean[], $8::text[], $9::text[])
		ON CONFLICT (pattern) DO UPDATE SET access = excluded.access, history = excluded.history,
			retention = excluded.retention, replay = excluded.replay, description = excluded.description,
			durable = excluded.durable, topic_regex = excluded.topic_regex, scope_regex = excluded.scope_regex, declared_at = now()
		WHERE (t.access, t.history, t.retention, t.replay, t.description, t.durable, t.topic_regex, t.scope_regex) IS DISTINCT FROM
			(excluded.access, excluded.history, excluded.retention, excluded.replay, excluded.description,
				excluded.durable, excluded.topic_regex, excluded.scope_regex)`,
		(
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
		).map(column)
	);
}
