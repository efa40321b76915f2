import {
	isDurable,
	LoglineError,
	MAX_SIGNAL_OCTETS,
	SIGNAL_TTL,
	type CoalesceBy,
	type SignalFrame,
	type TopicRegistry,
	type Viewer
} from '../../../protocol/index.ts';
import { checkData, encodeEvent, requireUser } from '../../log/accept.ts';
import { displayName } from '../../log/display-name.ts';
import { lineOf, MAX_LINE_OCTETS } from './packets.ts';

/** A signal as a sender passes it in. */
export interface NewSignal {
	topic: string;
	data: unknown;
	/** The only user who gets it. null or absent: everyone who may see the topic. */
	userId?: string | null | undefined;
	/** null or absent: the server itself. */
	sender?: Viewer | null | undefined;
}

/** A signal that passed every check and may be queued. */
export interface AcceptedSignal {
	/** A later one with the same key replaces it. */
	key: string;
	/** It, as it is written into a packet. */
	line: string;
	/** UTF-8 octets of the line. */
	octets: number;
	/** Milliseconds after which it ends. */
	ttl: number;
}

/** Longest text that says what a signal is about, in characters. */
const MAX_KEY_LENGTH = 200;

/**
 * Checks a signal.
 *
 * @throws LoglineError `unknown_topic`, `not_a_signal`, `invalid_data`, `invalid_user`
 */
export async function acceptSignal(
	registry: TopicRegistry,
	{ topic, data, userId = null, sender = null }: NewSignal
): Promise<AcceptedSignal> {
	const definition = registry.get(topic);
	if (!definition) {
		throw new LoglineError(
			'unknown_topic',
			`There is no topic "${topic.slice(0, 60)}". Topics: ${registry.keys().join(', ')}.`
		);
	}
	if (isDurable(definition)) {
		throw new LoglineError(
			'not_a_signal',
			`Events of "${topic}" are kept. Append them with \`emit\`, or declare the topic with \`durable: false\`.`
		);
	}
	const checked = await checkData(definition.schema, { topic, data });
	const encoded = encodeEvent({ topic, userId, data: checked });
	if (sender) requireUser(sender.id);
	const octets = Buffer.byteLength(encoded.data);
	if (octets > MAX_SIGNAL_OCTETS) {
		throw new LoglineError(
			'invalid_data',
			`The data of "${topic}" has ${octets} octets; a signal has at most ${MAX_SIGNAL_OCTETS}.`
		);
	}
	const about = aboutOf(topic, definition.coalesce, checked);
	const { ttl = SIGNAL_TTL } = definition;
	const from = sender && { id: sender.id, name: displayName(sender) };
	const rest = JSON.stringify({ from, ttl, key: about } satisfies Omit<SignalFrame, 'data'>);
	const line = lineOf({ topic, userId, json: `{"data":${encoded.data},${rest.slice(1)}` });
	if (Buffer.byteLength(line) > MAX_LINE_OCTETS) {
		throw new LoglineError(
			'invalid_data',
			`The signal of "${topic}" is too large. Its data, sender and key have at most ${MAX_LINE_OCTETS} octets together.`
		);
	}
	const key = JSON.stringify([topic, userId, sender?.id ?? null, about]);
	return { key, line, octets: Buffer.byteLength(line), ttl };
}

function aboutOf(topic: string, by: CoalesceBy<unknown> | undefined, data: unknown): string {
	if (by === undefined) return '';
	let about: unknown;
	try {
		about = typeof by === 'function' ? by(data) : (data as Record<string, unknown> | null)?.[by];
	} catch (cause) {
		const message = `\`coalesce\` of "${topic}" failed: ${String(cause)}`;
		throw Object.assign(new LoglineError('invalid_data', message), { cause });
	}
	const text = typeof about === 'string' ? about : JSON.stringify(about ?? null);
	if (text.length <= MAX_KEY_LENGTH) return text;
	throw new LoglineError(
		'invalid_data',
		`\`coalesce\` of "${topic}" gave ${text.length} characters; at most ${MAX_KEY_LENGTH} are accepted.`
	);
}
