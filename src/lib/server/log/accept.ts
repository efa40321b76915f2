import { isReserved, LoglineError, type TopicRegistry } from '$lib/protocol';
import type { NewEvent } from './types.ts';

/** An event that has passed every check and is ready to be written. */
export interface AcceptedEvent {
	topic: string;
	userId: string | null;
	/** JSON text. */
	data: string;
	key: string | null;
}

/** Longest idempotency key, in characters. */
export const MAX_KEY_LENGTH = 200;
/** Largest payload, in characters of JSON: it bounds a page of a replay, and with it the memory of a connection. */
export const MAX_DATA_LENGTH = 262_144;

/**
 * Checks events before they enter the queue, so that one bad event cannot fail the batch of others.
 *
 * @throws LoglineError `unknown_topic`, `invalid_data`, `invalid_key`, `invalid_user`; nothing has been written then.
 */
export async function acceptEvents(
	registry: TopicRegistry,
	events: readonly NewEvent[]
): Promise<AcceptedEvent[]> {
	const accepted: AcceptedEvent[] = [];
	for (const event of events) {
		const definition = isReserved(event.topic) ? undefined : registry.get(event.topic);
		if (!definition) {
			throw new LoglineError(
				'unknown_topic',
				`There is no topic "${event.topic}". Topics: ${[...registry.keys()].join(', ')}.`
			);
		}
		const result = await definition.schema['~standard'].validate(event.data);
		if (result.issues) {
			throw new LoglineError(
				'invalid_data',
				`The data does not fit the topic "${event.topic}": ${result.issues.map((issue) => issue.message).join('; ')}`
			);
		}
		accepted.push(encodeEvent({ ...event, data: result.value }));
	}
	return accepted;
}

/** The checks that do not depend on the topic's declaration; also for the log's own `$` topics. */
export function encodeEvent(event: NewEvent): AcceptedEvent {
	const { topic, key = null, userId = null } = event;
	if (key !== null && (key.length === 0 || key.length > MAX_KEY_LENGTH || key.includes('\0'))) {
		throw new LoglineError(
			'invalid_key',
			`A key has 1 to ${MAX_KEY_LENGTH} characters and no NUL.`
		);
	}
	if (userId !== null && !/^[0-9]{1,18}$/.test(userId)) {
		throw new LoglineError('invalid_user', `"${userId}" is not a user id.`);
	}
	const data: string | undefined = JSON.stringify(event.data);
	if (data === undefined) {
		throw new LoglineError('invalid_data', `The data of "${topic}" cannot be written as JSON.`);
	}
	if (data.length > MAX_DATA_LENGTH) {
		throw new LoglineError(
			'invalid_data',
			`The data of "${topic}" has ${data.length} characters; at most ${MAX_DATA_LENGTH} are accepted. Store it elsewhere and emit its address.`
		);
	}
	// jsonb stores neither U+0000 nor half of a surrogate pair; JSON.stringify writes both as escapes.
	if (/(?<!\\)(\\\\)*\\u(0000|d[89a-f])/i.test(data)) {
		throw new LoglineError(
			'invalid_data',
			`The data of "${topic}" contains U+0000 or half of a surrogate pair, which Postgres cannot store.`
		);
	}
	return { topic, userId, data, key };
}
