/** The environment, read and checked once at the start. Names, units and defaults: `.env.example`. */
import * as v from 'valibot';
import { BODY_SIZE } from '$src/http/body-limit.ts';
import { toPrimary } from 'logline/postgres';

const integer = (fallback: number, min: number, max: number, unit: string) =>
	v.optional(
		v.pipe(
			v.string(),
			v.regex(/^[0-9]+$/, `must be a whole number of ${unit}`),
			v.transform(Number),
			v.minValue(min, `must be at least ${min} ${unit}`),
			v.maxValue(max, `must be at most ${max} ${unit}`)
		),
		String(fallback)
	);

const DAY = 86_400_000;

const Environment = v.object({
	DATABASE_URL: v.optional(
		v.pipe(
			v.string(),
			v.rawTransform(({ dataset, addIssue, NEVER }) => {
				try {
					return toPrimary(dataset.value);
				} catch (error) {
					addIssue({ message: (error as Error).message });
					return NEVER;
				}
			})
		)
	),
	PUBLISH_TOKEN: v.optional(
		v.pipe(v.string(), v.minLength(16, 'must have at least 16 characters'))
	),
	/** Enforced by adapter-node, which would fail with a stack trace for a wrong value. */
	BODY_SIZE_LIMIT: v.optional(
		v.pipe(v.string(), v.regex(BODY_SIZE, 'must be a number of bytes, such as 524288, 512K or 1M'))
	),
	/** Checked here, because a wrong value would otherwise fail at each sign-in. */
	XFF_DEPTH: integer(1, 1, 100, 'proxies'),
	DEMO: v.optional(v.picklist(['0', '1'], 'must be 1 or 0')),
	SSE_KEEP_ALIVE_MS: integer(15_000, 50, DAY, 'milliseconds'),
	SSE_RETRY_MS: integer(3_000, 0, DAY, 'milliseconds'),
	SSE_MAX_AGE_MS: integer(900_000, 0, DAY, 'milliseconds'),
	SSE_MAX_CONNECTIONS_PER_USER: integer(10, 1, 1_000_000, 'connections'),
	SSE_MAX_CONNECTIONS: integer(20_000, 1, 1_000_000, 'connections'),
	SSE_MAX_TOPICS: integer(32, 1, 64, 'topics'),
	SSE_BUFFER_BYTES: integer(262_144, 4096, 1_073_741_824, 'bytes'),
	LOGIN_ATTEMPTS_PER_MINUTE: integer(10, 1, 1_000_000, 'attempts'),
	SIGNUPS_PER_10_MINUTES: integer(30, 1, 1_000_000, 'sign-ups'),
	WEBHOOK_URL: v.optional(
		v.pipe(v.string(), v.url('must be an address'), v.regex(/^https?:/, 'must begin with https:'))
	),
	WEBHOOK_SECRET: v.optional(
		v.pipe(v.string(), v.minLength(16, 'must have at least 16 characters'))
	),
	WEBHOOK_TOPICS: v.optional(v.string(), 'notifications'),
	LOG_LEVEL: v.optional(
		v.picklist(
			['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
			'must be one of fatal, error, warn, info, debug, trace, silent'
		),
		'info'
	),
	SHUTDOWN_GRACE_MS: integer(5_000, 100, 600_000, 'milliseconds')
});

/** The operator's configuration. Times in milliseconds, sizes in bytes. */
export interface Config {
	/** null: the embedded Postgres in `.data/postgres`. */
	databaseUrl: string | null;
	publishToken: string | null;
	/** Demo notifications and logs. */
	demo: boolean;
	keepAliveMs: number;
	retryMs: number;
	/** 0: no maximum. */
	maxAgeMs: number;
	maxConnectionsPerUser: number;
	maxConnections: number;
	maxTopics: number;
	bufferBytes: number;
	/** For each account, for each network, and for each known device of an account. */
	loginAttemptsPerMinute: number;
	/** For each network. */
	signupsPer10Minutes: number;
	/** Where events are sent; null: nowhere. */
	webhookUrl: string | null;
	/** Signs what is sent. Set when `webhookUrl` is. */
	webhookSecret: string | null;
	webhookTopics: string[];
	logLevel: string;
	shutdownGraceMs: number;
	/** A client that takes no bytes for this long is disconnected. Not configurable by the environment. */
	stallMs: number;
}

/**
 * Reads the configuration.
 *
 * @param env usually `process.env`; an empty string counts as unset
 * @throws Error with one line per wrong variable, each with the variable's name
 */
export function loadConfig(env: Record<string, string | undefined>): Config {
	const present = Object.fromEntries(
		Object.entries(env).filter(([, value]) => value !== undefined && value !== '')
	);
	const result = v.safeParse(Environment, present);
	if (!result.success) {
		const lines = result.issues.map((issue) => `  ${v.getDotPath(issue) ?? '?'} ${issue.message}`);
		throw new Error(`The environment is not valid:\n${lines.join('\n')}`);
	}
	const e = result.output;
	if (e.WEBHOOK_URL !== undefined && e.WEBHOOK_SECRET === undefined) {
		throw new Error(
			'The environment is not valid:\n  WEBHOOK_URL needs WEBHOOK_SECRET, by which the receiver knows us'
		);
	}
	return {
		databaseUrl: e.DATABASE_URL ?? null,
		publishToken: e.PUBLISH_TOKEN ?? null,
		demo: e.DEMO === undefined ? e.DATABASE_URL === undefined : e.DEMO === '1',
		keepAliveMs: e.SSE_KEEP_ALIVE_MS,
		retryMs: e.SSE_RETRY_MS,
		maxAgeMs: e.SSE_MAX_AGE_MS,
		maxConnectionsPerUser: e.SSE_MAX_CONNECTIONS_PER_USER,
		maxConnections: e.SSE_MAX_CONNECTIONS,
		maxTopics: e.SSE_MAX_TOPICS,
		bufferBytes: e.SSE_BUFFER_BYTES,
		loginAttemptsPerMinute: e.LOGIN_ATTEMPTS_PER_MINUTE,
		signupsPer10Minutes: e.SIGNUPS_PER_10_MINUTES,
		webhookUrl: e.WEBHOOK_URL ?? null,
		webhookSecret: e.WEBHOOK_SECRET ?? null,
		webhookTopics: e.WEBHOOK_TOPICS.split(',').map((topic) => topic.trim()),
		logLevel: e.LOG_LEVEL,
		shutdownGraceMs: e.SHUTDOWN_GRACE_MS,
		stallMs: 60_000
	};
}
