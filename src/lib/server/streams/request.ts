import {
	LoglineError,
	MAX_PRESENCE_SCOPES,
	MAX_STATE_OCTETS,
	parseCursor,
	TOPIC_NAME,
	WILDCARD_NAME
} from '../../protocol/index.ts';
import { encodeEvent, MAX_USER_OCTETS } from '../log/accept.ts';
import type { RequestedTopic } from './topic-safety.ts';

/** What a client asks for. */
export interface StreamRequest {
	topics: RequestedTopic[];
	/** null: the client has no cursor. */
	cursor: bigint | null;
	/** The client has no cursor, and wants only what comes from now on. */
	fromNow: boolean;
	/** '' when the client sent no name. */
	clientID: string;
	/** Epoch of the cursor's log; null: not sent. */
	log: string | null;
	/** Id of the user whose events the client has; null: not sent. */
	user: string | null;
	/** Scopes in which the client wants to be present. */
	presence: string[];
	/** What the client says about itself there: JSON text of an object. */
	state: string;
}

const MAX_COUNT = 2_147_483_647;

/**
 * Parses a request for the stream. It does not check that the topics exist: that needs the user.
 *
 * @throws LoglineError `invalid_topics`, `too_many_topics`, `invalid_cursor`, `invalid_client`, `invalid_presence`
 */
export function parseStreamRequest(
	{ searchParams }: Pick<URL, 'searchParams'>,
	headers: Pick<Headers, 'get'>,
	rules: { maxTopics: number }
): StreamRequest {
	const topics = parseTopics(searchParams.getAll('topics'), rules);
	const text = cursorOf(searchParams, headers);
	const fromNow = text === 'now';
	const cursor = text === '' || fromNow ? null : parseCursor(text);
	if (text !== '' && !fromNow && cursor === null) {
		throw new LoglineError(
			'invalid_cursor',
			`"${shorten(text)}" is not an event id. Send the id of the last event received, "now", or none.`
		);
	}
	const clientID = searchParams.get('client') ?? '';
	if (!/^[A-Za-z0-9_-]{0,64}$/.test(clientID)) {
		throw new LoglineError('invalid_client', 'A client name has at most 64 of A-Z a-z 0-9 _ -.');
	}
	const log = searchParams.get('log');
	if (log !== null && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(log)) {
		throw new LoglineError('invalid_cursor', '`log` is what `caught-up` told as `log`, or absent.');
	}
	const user = searchParams.get('user');
	if (user !== null && (user === '' || Buffer.byteLength(user) > MAX_USER_OCTETS)) {
		throw new LoglineError(
			'invalid_client',
			'`user` is what `caught-up` told as `user`, or absent.'
		);
	}
	const { presence, state } = parsePresence(searchParams);
	return { topics, cursor, fromNow, clientID, log, user, presence, state };
}

function parsePresence(searchParams: URLSearchParams): { presence: string[]; state: string } {
	const presence = [...new Set(searchParams.getAll('presence'))];
	if (presence.length > MAX_PRESENCE_SCOPES) {
		throw invalidPresence(`At most ${MAX_PRESENCE_SCOPES} scopes of presence per stream.`);
	}
	for (const scope of presence) {
		if (TOPIC_NAME.test(scope)) continue;
		throw invalidPresence(`"${shorten(scope)}" is not a scope such as "rooms/42".`);
	}
	const text = searchParams.get('state') ?? '{}';
	if (Buffer.byteLength(text) > MAX_STATE_OCTETS) {
		throw invalidPresence(`\`state\` has at most ${MAX_STATE_OCTETS} octets.`);
	}
	let state: unknown;
	try {
		state = JSON.parse(text);
	} catch (cause) {
		throw Object.assign(invalidPresence('`state` is JSON.'), { cause });
	}
	if (typeof state !== 'object' || state === null || Array.isArray(state)) {
		throw invalidPresence('`state` is a JSON object, such as {"status":"away"}.');
	}
	try {
		return { presence, state: encodeEvent({ topic: 'state', data: state }).data };
	} catch (cause) {
		throw Object.assign(
			invalidPresence(
				'`state` is nested at most 199 deep, and has no U+0000 and no half of a surrogate pair.'
			),
			{ cause }
		);
	}
}

const invalidPresence = (message: string) => new LoglineError('invalid_presence', message);

/**
 * Returns the newest cursor of the request, in this order:
 * 1. The header `Last-Event-ID`. A browser joins several headers with commas; the last one is the newest.
 * 2. The parameter `lastEventId`. Client libraries that cannot set the header append it when they reconnect; the last one
 *    counts.
 * 3. The parameter `lastEventID`: the cursor that the page began with, so the oldest.
 */
function cursorOf(searchParams: URLSearchParams, headers: Pick<Headers, 'get'>): string {
	return (
		newest(headers.get('last-event-id')?.split(',') ?? []) ||
		newest(searchParams.getAll('lastEventId')) ||
		newest(searchParams.getAll('lastEventID'))
	);
}

/** @returns the last text that is not blank, or '' */
function newest(told: string[]): string {
	return told.reduce((last, text) => text.trim() || last, '');
}

function parseTopics(values: string[], rules: { maxTopics: number }): RequestedTopic[] {
	if (values.length === 0) {
		throw new LoglineError('invalid_topics', 'Name at least one topic: ?topics=name.');
	}
	const topics = new Map<string, RequestedTopic>();
	for (const value of values) {
		const [, topic = '', count, handled = '0'] =
			/^(.*?)(?:@([0-9]{1,10})(?::([0-9]+))?)?$/s.exec(value) ?? [];
		if (!TOPIC_NAME.test(topic) && !WILDCARD_NAME.test(topic)) {
			throw new LoglineError(
				'invalid_topics',
				`"${shorten(value)}" is not the name of a topic, nor a wildcard such as "rooms/*/messages".`
			);
		}
		const n = Number(count ?? 0);
		const last = parseCursor(handled);
		if (last === null) {
			throw new LoglineError(
				'invalid_topics',
				`"${shorten(value)}" does not end in the id of an event. Send "name@n:id", or "name@n".`
			);
		}
		if (last > 0n && WILDCARD_NAME.test(topic)) {
			throw new LoglineError(
				'invalid_topics',
				`"${shorten(value)}" is a wildcard, which has no id of its own. Send "name@n"; name the topics whose ids you have.`
			);
		}
		const named = topics.get(topic);
		if (n > MAX_COUNT || (named && named.n !== n)) {
			throw new LoglineError(
				'invalid_topics',
				`"${shorten(value)}" is not a count, or not the only one.`
			);
		}
		topics.set(topic, { topic, n, counted: count !== undefined, last });
	}
	if (topics.size > rules.maxTopics) {
		throw new LoglineError('too_many_topics', `At most ${rules.maxTopics} topics per stream.`);
	}
	return [...topics.values()];
}

const shorten = (text: string) => (text.length > 60 ? `${text.slice(0, 60)}…` : text);
