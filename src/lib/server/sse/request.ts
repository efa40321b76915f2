import {
	isReserved,
	LoglineError,
	parseCursor,
	TOPIC_NAME,
	type TopicRegistry
} from '$lib/protocol';
import type { RequestedTopic } from '../delivery/topic-safety.ts';

/** What a client asks for. */
export interface StreamRequest {
	topics: RequestedTopic[];
	/** null: it has no cursor. */
	cursor: bigint | null;
	/** '' when the client did not name itself. */
	clientID: string;
	/** Epoch that the cursor belongs to; null: the client did not say. */
	log: string | null;
	/** Id of the user whose events the client has; null: it did not say. */
	user: string | null;
}

const MAX_COUNT = 2_147_483_647;

/**
 * Reads a request for the stream.
 *
 * @throws LoglineError `invalid_topics`, `too_many_topics`, `invalid_cursor`, `invalid_client`
 */
export function parseStreamRequest(
	url: URL,
	headers: Headers,
	rules: { registry: TopicRegistry; maxTopics: number }
): StreamRequest {
	const topics = parseTopics(url.searchParams.getAll('topics'), rules);
	const text = headers.get('last-event-id') || url.searchParams.get('lastEventID') || '';
	const cursor = text === '' ? null : parseCursor(text);
	if (text !== '' && cursor === null) {
		throw new LoglineError(
			'invalid_cursor',
			`"${shorten(text)}" is not an event id. Send the id of the last event received, or none.`
		);
	}
	const clientID = url.searchParams.get('client') ?? '';
	if (!/^[A-Za-z0-9_-]{0,64}$/.test(clientID)) {
		throw new LoglineError('invalid_client', 'A client name has at most 64 of A-Z a-z 0-9 _ -.');
	}
	const log = url.searchParams.get('log');
	if (log !== null && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(log)) {
		throw new LoglineError('invalid_cursor', '`log` is what `caught-up` told as `log`, or absent.');
	}
	const user = url.searchParams.get('user');
	if (user !== null && !/^[0-9]{1,19}$/.test(user)) {
		throw new LoglineError(
			'invalid_client',
			'`user` is what `caught-up` told as `user`, or absent.'
		);
	}
	return { topics, cursor, clientID, log, user };
}

function parseTopics(
	values: string[],
	rules: { registry: TopicRegistry; maxTopics: number }
): RequestedTopic[] {
	if (values.length === 0) {
		throw new LoglineError('invalid_topics', 'Name at least one topic: ?topics=name.');
	}
	const topics = new Map<string, RequestedTopic>();
	for (const value of values) {
		const [, topic = '', count = '0'] = /^(.*?)(?:@([0-9]{1,10}))?$/s.exec(value) ?? [];
		if (!TOPIC_NAME.test(topic) || isReserved(topic) || !rules.registry.has(topic)) {
			throw new LoglineError(
				'invalid_topics',
				`There is no topic "${shorten(value)}". Topics: ${[...rules.registry.keys()].join(', ')}.`
			);
		}
		const n = Number(count);
		const named = topics.get(topic);
		if (n > MAX_COUNT || (named && named.n !== n)) {
			throw new LoglineError(
				'invalid_topics',
				`"${shorten(value)}" is not a count, or not the only one.`
			);
		}
		topics.set(topic, { topic, n });
	}
	if (topics.size > rules.maxTopics) {
		throw new LoglineError('too_many_topics', `At most ${rules.maxTopics} topics per stream.`);
	}
	return [...topics.values()];
}

const shorten = (text: string) => (text.length > 60 ? `${text.slice(0, 60)}…` : text);
