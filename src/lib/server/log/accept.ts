import {
	isDurable,
	LoglineError,
	type PayloadSchema,
	type TopicRegistry
} from '../../protocol/index.ts';
import { findLostNumber } from './lost-number.ts';
import type { NewEvent, Producer } from './types.ts';

/** An event that passed every check and is ready to be written. */
export interface AcceptedEvent {
	topic: string;
	userId: string | null;
	/** JSON text. */
	data: string;
	key: string | null;
	/** Absent: any number of writers. */
	producer?: Producer;
}

/** Longest topic name, in UTF-8 octets. */
export const MAX_TOPIC_OCTETS = 200;
/** Longest user id, in UTF-8 octets. */
export const MAX_USER_OCTETS = 200;
/** Longest name of a producer, in UTF-8 octets. */
export const MAX_PRODUCER_OCTETS = 200;
/** Longest idempotency key, in characters. */
export const MAX_KEY_LENGTH = 200;
/** Largest payload, in characters of JSON. It bounds a page of a replay, and so the memory of a connection. */
export const MAX_DATA_LENGTH = 262_144;
/**
 * Largest payload as Postgres prints it, in octets. The tables allow SQL to insert this much. Printed JSON can be longer
 * than the JSON that came in.
 */
export const MAX_TEXT_OCTETS = 1_048_576;
/**
 * Deepest nesting of arrays and objects. Code that renders pages is recursive, so deeper values could overflow its stack.
 */
export const MAX_DEPTH = 199;

/**
 * Checks events before they enter the queue, so that one bad event cannot fail the batch of other callers.
 *
 * @throws LoglineError `unknown_topic`, `not_durable`, `invalid_data`, `invalid_key`, `invalid_user`, `invalid_producer`, with
 *   the `index` of the event; nothing has been written then
 */
export async function acceptEvents(
	registry: TopicRegistry,
	events: readonly NewEvent[]
): Promise<AcceptedEvent[]> {
	const accepted: AcceptedEvent[] = [];
	for (const [index, event] of events.entries()) {
		try {
			accepted.push(await acceptEvent(registry, event));
		} catch (error) {
			if (error instanceof LoglineError) error.index = index;
			throw error;
		}
	}
	return accepted;
}

async function acceptEvent(registry: TopicRegistry, event: NewEvent): Promise<AcceptedEvent> {
	const definition = registry.get(event.topic);
	if (!definition) {
		throw new LoglineError(
			'unknown_topic',
			`There is no topic "${event.topic}". Topics: ${registry.keys().join(', ')}.`
		);
	}
	if (!isDurable(definition)) {
		throw new LoglineError(
			'not_durable',
			`"${event.topic}" is a signal, which is not kept. Send it with \`logline.signal\`.`
		);
	}
	return encodeEvent({ ...event, data: await checkData(definition.schema, event) });
}

/**
 * Returns the data as the schema of its topic passes it on.
 *
 * @throws LoglineError `invalid_data`
 */
export async function checkData(
	schema: PayloadSchema<unknown>,
	event: Pick<NewEvent, 'topic' | 'data'>
): Promise<unknown> {
	const result = await validate(schema, event);
	if (!result.issues) return result.value;
	throw invalidData(
		`The data does not fit the topic "${event.topic}": ${result.issues.map((issue) => issue.message).join('; ')}`
	);
}

/**
 * Some values cannot be JSON (cycles, endless values) and can make a schema throw. They are refused like data that does not
 * fit.
 */
async function validate(
	schema: PayloadSchema<unknown>,
	{ topic, data }: Pick<NewEvent, 'topic' | 'data'>
): Promise<Awaited<ReturnType<PayloadSchema<unknown>['~standard']['validate']>>> {
	try {
		return await schema['~standard'].validate(data);
	} catch (error) {
		throw invalidData(`The data of "${topic}" cannot be checked: ${String(error)}`, error);
	}
}

/**
 * The checks that do not depend on the topic's declaration. Also used for the log's own `$` topics. The tables have the same
 * bounds (migrations/log/0001_append.sql).
 *
 * @throws LoglineError `invalid_topic`, `invalid_key`, `invalid_user`, `invalid_data`, `invalid_producer`
 */
export function encodeEvent(event: NewEvent): AcceptedEvent {
	const { topic, key = null, userId = null } = event;
	if (!isName(topic, MAX_TOPIC_OCTETS)) {
		throw new LoglineError(
			'invalid_topic',
			`A topic has 1 to ${MAX_TOPIC_OCTETS} octets of UTF-8, no NUL and no half of a surrogate pair.`
		);
	}
	if (key !== null && !isKey(key)) {
		throw new LoglineError(
			'invalid_key',
			`A key has 1 to ${MAX_KEY_LENGTH} characters, no NUL and no half of a surrogate pair.`
		);
	}
	if (userId !== null) requireUser(userId);
	const accepted = { topic, userId, data: encodeData(topic, event.data), key };
	const { producer } = event;
	if (!producer) return accepted;
	const { name } = producer;
	if (!isName(name, MAX_PRODUCER_OCTETS) || !isEpoch(producer.epoch)) {
		throw new LoglineError(
			'invalid_producer',
			`A producer is { name, epoch }: a name of 1 to ${MAX_PRODUCER_OCTETS} octets of UTF-8 without NUL, and a whole number from 0 to 2^53 - 1.`
		);
	}
	return { ...accepted, producer };
}

/**
 * @returns true when Postgres can store the text unchanged. A lone surrogate would be replaced, so two different keys could
 *   become equal.
 */
export const isText = (text: string) => !text.includes('\0') && !/\p{Surrogate}/u.test(text);

/**
 * Every user id, topic, scope and other name that comes in must be one, also where it is only looked for: Postgres would look
 * for the text that it puts in its place, which may be another user's id.
 *
 * @param octets at most so many octets of UTF-8
 * @returns true for a text of 1 octet or more that Postgres can store unchanged
 */
export const isName = (text: unknown, octets: number): text is string =>
	typeof text === 'string' &&
	text.length > 0 &&
	text.length <= octets &&
	Buffer.byteLength(text) <= octets &&
	isText(text);

/**
 * The empty id is refused, too: it is the audience of the events for everyone.
 *
 * @throws LoglineError `invalid_user`
 */
export function requireUser(userId: unknown): void {
	if (isName(userId, MAX_USER_OCTETS)) return;
	throw new LoglineError(
		'invalid_user',
		`A user id has 1 to ${MAX_USER_OCTETS} octets of UTF-8, no NUL and no half of a surrogate pair.`
	);
}

const isEpoch = (epoch: unknown) => Number.isSafeInteger(epoch) && Number(epoch) >= 0;

const isKey = (key: string) =>
	key.length > 0 &&
	key.length <= 2 * MAX_KEY_LENGTH && // a character outside the basic plane counts as two in `length`
	[...key].length <= MAX_KEY_LENGTH &&
	isText(key);

function encodeData(topic: string, value: unknown): string {
	let data: string | undefined;
	try {
		data = JSON.stringify(value);
	} catch (error) {
		throw invalidData(`The data of "${topic}" cannot be written as JSON: ${String(error)}`, error);
	}
	if (data === undefined) throw invalidData(`The data of "${topic}" cannot be written as JSON.`);
	if (data.length > MAX_DATA_LENGTH) {
		throw invalidData(
			`The data of "${topic}" has ${data.length} characters; at most ${MAX_DATA_LENGTH} are accepted. Store it elsewhere and emit its address.`
		);
	}
	if (data.length > 2 * MAX_DEPTH && depthOf(data) > MAX_DEPTH) {
		throw invalidData(`The data of "${topic}" is nested deeper than ${MAX_DEPTH} levels.`);
	}
	if (data.includes('null')) refuseLostNumber(topic, value);
	if (/[0-9]e[+-]/.test(data) && printedOctets(data) > MAX_TEXT_OCTETS) {
		throw invalidData(
			`The data of "${topic}" has numbers that Postgres prints with up to 309 digits: more than ${MAX_TEXT_OCTETS} octets in all. Round them, or send them as text.`
		);
	}
	// jsonb cannot store U+0000 or a lone surrogate. JSON.stringify writes both as escapes.
	if (/(?<!\\)(\\\\)*\\u(0000|d[89a-f])/i.test(data)) {
		throw invalidData(
			`The data of "${topic}" contains U+0000 or half of a surrogate pair, which Postgres cannot store.`
		);
	}
	return data;
}

/** JSON.stringify writes null for a number that JSON does not have. A reader would take it for one that was meant. */
function refuseLostNumber(topic: string, value: unknown): void {
	const lost = findLostNumber(value);
	if (!lost) return;
	throw invalidData(
		`The data of "${topic}" has a number that JSON does not have: ${lost.path} is ${lost.number}. Send null or text instead.`
	);
}

/** @returns how deep arrays and objects are nested in a JSON text */
function depthOf(json: string): number {
	let depth = 0;
	let deepest = 0;
	for (let i = 0; i < json.length; i++) {
		switch (json.charCodeAt(i)) {
			case 0x22: // A string: skip to its closing quote.
				while (json.charCodeAt(++i) !== 0x22) if (json.charCodeAt(i) === 0x5c) i++;
				break;
			case 0x5b: // [
			case 0x7b: // {
				deepest = Math.max(deepest, ++depth);
				break;
			case 0x5d: // ]
			case 0x7d: // }
				depth--;
		}
	}
	return deepest;
}

/**
 * @returns octets of a JSON text as jsonb prints it, or slightly more: jsonb adds a space after each comma and colon, and
 *   writes numbers without exponent
 */
function printedOctets(json: string): number {
	let octets = Buffer.byteLength(json);
	for (const [token, fraction = '', exponent] of json.matchAll(
		/"(?:[^"\\]|\\.)*"|[,:]|[0-9](?:\.([0-9]+))?e[+-]([0-9]+)/g
	)) {
		if (exponent !== undefined) octets += Number(exponent) + fraction.length + 2;
		else if (token.length === 1) octets++;
	}
	return octets;
}

const invalidData = (message: string, cause?: unknown) =>
	Object.assign(new LoglineError('invalid_data', message), cause === undefined ? {} : { cause });
