import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { Queryable } from '../database/queryable.ts';
import type { Connections } from './connections.ts';

/** Topics that are listed of one stream. {@link MORE} follows when it has more. */
const TOPICS = 100;
const MORE = '…';

/** Streams that are listed in one go, before others may run. */
const SLICE = 500;

/** Who is connected to this server: for people who ask the database. */
export class Roster {
	readonly #id = randomUUID();
	readonly #name = `${hostname()} ${process.pid}`;
	readonly #startedAt = new Date().toISOString();
	readonly #connections: Connections;
	readonly #tail: () => bigint;

	/** @param tail id up to which the server has read the log */
	constructor(connections: Connections, tail: () => bigint) {
		this.#connections = connections;
		this.#tail = tail;
	}

	/** Writes the row of this server into `log_servers`, and removes rows of servers that were not seen for a minute. */
	async write(on: Queryable): Promise<void> {
		const streams = await this.#list();
		await on.query(
			`WITH gone AS (
				DELETE FROM log_servers WHERE seen_at < now() - interval '1 minute' AND server <> $1::uuid
			)
			INSERT INTO log_servers (server, name, started_at, seen_at, tail, streams)
			VALUES ($1::uuid, $2, $3::timestamptz, now(), $4::bigint, $5::text::jsonb)
			ON CONFLICT (server) DO UPDATE SET seen_at = now(), tail = excluded.tail, streams = excluded.streams`,
			[this.#id, this.#name, this.#startedAt, this.#tail().toString(), streams]
		);
	}

	async #list(): Promise<string> {
		const lines: string[] = [];
		for (const { clientID, subscriber } of this.#connections.streams()) {
			const { userId, state, position, topics } = subscriber;
			const listed = topics.length > TOPICS ? [...topics.slice(0, TOPICS), MORE] : topics;
			lines.push(JSON.stringify([userId, clientID, state, position.toString(), listed]));
			if (lines.length % SLICE === 0) await yieldToOthers();
		}
		return `[${lines.join(',')}]`;
	}
}
